package registry

import "time"

// PersonGroup is one group that a person is directly in, with who says so.
type PersonGroup struct {
	PublicID, Name string
	Origins        []Origin
	// Since is when the first of the origins said it.
	Since time.Time
}

// Whereabouts name what a person's record only points to; "" for nothing.
type Whereabouts struct {
	Department string
	// Contract is the number.
	Contract string
	// Manager is what people call the manager, ManagerID their public id.
	Manager, ManagerID string
}
