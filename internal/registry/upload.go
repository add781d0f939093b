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
	State    UploadState
	Counts   UploadCounts
	// Preview and Run are the newest of each, 0 for none.
	Preview, Run RunID
	// Message says why it failed.
	Message   Said
	CreatedAt time.Time
	// ExpiresAt is when the content is removed.
	ExpiresAt time.Time
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
