package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Upload is a file of people that an admin brought, and how it stands.
type Upload struct {
	ID        string                `json:"id"`
	File      string                `json:"file" doc:"The file's name"`
	Format    string                `json:"format" enum:"csv,xlsx"`
	Size      int64                 `json:"size" doc:"Bytes"`
	Actor     string                `json:"actor" doc:"Who brought it"`
	State     string                `json:"state" enum:"received,previewed,confirmed,held,applied,failed,discarded"`
	Key       string                `json:"key,omitempty" doc:"The field that tells who a row is about; missing while nobody has said"`
	Mail      string                `json:"mail" enum:"send,hold,none" doc:"What becomes of new people's set-up mails once it is confirmed"`
	Counts    registry.UploadCounts `json:"counts" doc:"What became, or would become, of the rows; the others sum up to rows"`
	Preview   int64                 `json:"preview,omitempty" doc:"The number of the newest preview"`
	Run       int64                 `json:"run,omitempty" doc:"The number of the newest run"`
	Message   string                `json:"message,omitempty" doc:"Why it failed"`
	CreatedAt time.Time             `json:"created_at"`
	ExpiresAt time.Time             `json:"expires_at" doc:"When the file is removed"`
}

// UploadRow is a row of a file with what became of it, or would.
type UploadRow struct {
	Row     int                 `json:"row" doc:"Where it stands in the file, from 1"`
	Outcome string              `json:"outcome" enum:"created,updated,unchanged,skipped,failed"`
	Action  string              `json:"action,omitempty"`
	Name    string              `json:"name" doc:"The userName or the key that the row says"`
	Code    string              `json:"code,omitempty"`
	Message string              `json:"message,omitempty"`
	Before  map[string][]string `json:"before,omitempty"`
	After   map[string][]string `json:"after,omitempty"`
}

// UploadInput names an upload.
type UploadInput struct {
	Upload string `in:"path" name:"upload" doc:"The upload's id"`
}

func (u Upload) location() string { return "/uploads/" + u.ID }

// ReceiveUploadInput is a file of people with how it is to be read; what is left
// out is found out.
type ReceiveUploadInput struct {
	Encoding  string   `in:"query" name:"encoding" enum:"utf-8,windows-1251,windows-1252,utf-16le,utf-16be" doc:"How the text of a CSV is written; else it is found"`
	Separator string   `in:"query" name:"separator" enum:"comma,semicolon,tab,pipe" doc:"What stands between the cells of a CSV; else it is found"`
	Sheet     string   `in:"query" name:"sheet" doc:"The sheet of a workbook; else the first"`
	Key       string   `in:"query" name:"key" doc:"The field that tells who a row is about: userName, emails or employeeNumber"`
	Mail      string   `in:"query" name:"mail" enum:"send,hold,none" doc:"What becomes of new people's set-up mails once it is confirmed; else send"`
	Map       []string `in:"query" name:"map" doc:"What a column means, as Mail=emails; Notes=- leaves one out"`
	File      File     `in:"file"`
}

// ListUploadsInput filters uploads.
type ListUploadsInput struct {
	Paging
	State string `in:"query" name:"state" enum:"received,previewed,confirmed,held,applied,failed,discarded"`
}

// ListUploadRowsInput filters the rows of an upload.
type ListUploadRowsInput struct {
	UploadInput
	Paging
	Outcome string `in:"query" name:"outcome" enum:"created,updated,unchanged,skipped,failed"`
}

// Uploads are files of people.
type Uploads interface {
	// ReceiveUpload keeps a file; what it cannot be read by is a refusal.
	ReceiveUpload(ctx context.Context, who *Who, in ReceiveUploadInput) (Upload, error)
	ListUploads(ctx context.Context, who *Who, in ListUploadsInput) (Page[Upload], error)
	ShowUpload(ctx context.Context, who *Who, in UploadInput) (Upload, error)
	ListUploadRows(ctx context.Context, who *Who, in ListUploadRowsInput) (Page[UploadRow], error)
	// PreviewUpload returns the run that looks, begun.
	PreviewUpload(ctx context.Context, who *Who, in UploadInput) (Run, error)
	ConfirmUpload(ctx context.Context, who *Who, in UploadInput) (Upload, error)
	DiscardUpload(ctx context.Context, who *Who, in UploadInput) (Upload, error)
}

func uploadRoutes(d Uploads) []Route {
	const tag, one = "uploads", "/uploads/{upload}"
	state := []registry.Code{registry.CodeUploadState}
	return []Route{
		On(Route{Method: http.MethodGet, Pattern: "/uploads", Right: auth.RightRead, ID: "listUploads", Tag: tag, Export: true, Summary: "The files of people that were brought, the newest first"}, d.ListUploads),
		On(Route{Method: http.MethodPost, Pattern: "/uploads", Right: auth.RightOperate, ID: "receiveUpload", Tag: tag, Deed: "upload.receive", Told: true, Status: http.StatusCreated,
			Summary: "Bring a file of people, CSV or XLSX", Notes: "It changes and mails nobody: preview it, look at its rows, then confirm it. It is kept for 30 days."}, d.ReceiveUpload),
		On(Route{Method: http.MethodGet, Pattern: one, Right: auth.RightRead, ID: "showUpload", Tag: tag, Summary: "One file and how it stands"}, d.ShowUpload),
		On(Route{Method: http.MethodGet, Pattern: one + "/rows", Right: auth.RightRead, ID: "listUploadRows", Tag: tag, Export: true, Codes: state,
			Summary: "The rows of a file with what became of each in its newest run, or would by its preview",
			Notes:   "A file that was neither previewed nor carried out has none. They go with the file."}, d.ListUploadRows),
		On(Route{Method: http.MethodPost, Pattern: one + "/preview", Right: auth.RightOperate, ID: "previewUpload", Tag: tag, Deed: "upload.preview", Status: http.StatusAccepted,
			Summary: "Find out what a file would do, changing nobody", Codes: append([]registry.Code{registry.CodeAlreadyRunning}, state...)}, d.PreviewUpload),
		On(Route{Method: http.MethodPost, Pattern: one + "/confirm", Right: auth.RightOperate, ID: "confirmUpload", Tag: tag, Deed: "upload.confirm", Status: http.StatusAccepted,
			Summary: "Have a file carried out", Notes: "It is carried out as soon as no other upload of the company is at work. Only now are new people mailed.", Codes: state}, d.ConfirmUpload),
		On(Route{Method: http.MethodPost, Pattern: one + "/discard", Right: auth.RightOperate, ID: "discardUpload", Tag: tag, Deed: "upload.discard",
			Summary: "Drop a file that was not carried out", Codes: state}, d.DiscardUpload),
	}
}
