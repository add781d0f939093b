package registry

import (
	"encoding/json"
	"strings"
	"time"
)

// UploadState says where an upload stands.
type UploadState string

// The states of an upload.
const (
	UploadReceived  UploadState = "received"  // the file is there
	UploadPreviewed UploadState = "previewed" // somebody has seen what it would do
	UploadConfirmed UploadState = "confirmed" // to be carried out, or at it
	UploadHeld      UploadState = "held"      // the guard stopped it; waits for a decision on its run
	UploadApplied   UploadState = "applied"
	UploadFailed    UploadState = "failed"
	UploadDiscarded UploadState = "discarded"
)

// Upload is a file of people that an admin brought.
type Upload struct {
	ID       int64
	PublicID string
	Company  CompanyID
	Actor    string
	FileName string
	Format   string // csv or xlsx
	// Hash is the SHA-256 of the content, Size its bytes.
	Hash []byte
	Size int64
	// Settings are how the file is read: a preview and the run that follows it use
	// the same.
	Settings json.RawMessage
	// Inspection is what was seen on looking into the file, its first rows among it;
	// empty when the content is.
	Inspection json.RawMessage
	State      UploadState
	Counts     UploadCounts
	// Preview and Run are the newest of each, 0 for none.
	Preview, Run RunID
	// Message says why it failed.
	Message   Said
	CreatedAt time.Time
	// ExpiresAt is when the content is removed.
	ExpiresAt time.Time
}

// Shown is the run that the upload's rows are of, the newest of preview and run; 0
// for none.
func (u *Upload) Shown() RunID { return max(u.Run, u.Preview) }

// What becomes of a row of a file.
const (
	RowCreated   = "created"
	RowUpdated   = "updated"
	RowUnchanged = "unchanged"
	RowSkipped   = "skipped"
	RowFailed    = "failed"
)

// UploadRow is what became, or would become, of a row of a file in a run.
type UploadRow struct {
	// Line is where it stands in the file, from 1.
	Line int
	// Outcome is one of the constants above.
	Outcome string
	// Action is what was done with a row that was created or updated, or would be.
	Action Action
	// Code and Message say why, of one that failed or was skipped, and of one that
	// went through with a remark.
	Code    Code
	Message Said
	// Name is the userName, or the key, that the row says.
	Name string
	// Item is the row of the run's report that has the values before and after, 0 for
	// none.
	Item int64
}

// UploadRowQuery asks for rows of an upload as they stand in the file.
type UploadRowQuery struct {
	Upload int64
	Run    RunID
	// After is the line behind which they begin; Limit is how many there are at most.
	After, Limit int
	// Outcome narrows them, "" for all.
	Outcome string
}

// UploadCounts are what became, or would become, of the rows of a file. Each
// row is counted once: the others sum up to Rows.
type UploadCounts struct {
	Rows      int64 `json:"rows"`
	Created   int64 `json:"created"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
	Skipped   int64 `json:"skipped"`
	Failed    int64 `json:"failed"`
}

// uploadPrefix begins the key of a source that is a company's uploads. A key in
// the configuration file has no slash, so that none can be the same.
const uploadPrefix = string(OriginUpload) + "/"

// UploadSource is the key of the source that a company's uploads are.
func UploadSource(company string) string { return uploadPrefix + company }

// UploadCompany is the company whose uploads a source is, "" for another source.
func UploadCompany(source string) string {
	company, _ := strings.CutPrefix(source, uploadPrefix)
	if company == source {
		return ""
	}
	return company
}

// Add counts rows with an outcome.
func (n *UploadCounts) Add(outcome string, rows int64) {
	n.Rows += rows
	switch outcome {
	case RowCreated:
		n.Created += rows
	case RowUpdated:
		n.Updated += rows
	case RowSkipped:
		n.Skipped += rows
	case RowFailed:
		n.Failed += rows
	default:
		n.Unchanged += rows
	}
}
