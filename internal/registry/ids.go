package registry

// The integer keys of the registry's records. They are internal: the outside
// world sees a record's public id (a UUID), never its key.
type (
	// CompanyID is the key of a company.
	CompanyID int64
	// UserID is the key of a user.
	UserID int64
	// GroupID is the key of a group.
	GroupID int64
	// OriginID is the key of an origin.
	OriginID int64
	// LinkID is the key of a link.
	LinkID int64
	// RunID is the key of a run.
	RunID int64
	// DepartmentID is the key of a department.
	DepartmentID int64
	// ContractID is the key of a service contract.
	ContractID int64
)
