package admin

import (
	"context"
	"io"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// UploadDesk is what is done with files of people.
type UploadDesk interface {
	Uploads(ctx context.Context, q registry.UploadQuery) ([]*registry.Upload, error)
	Upload(ctx context.Context, id string) (*Upload, error)
	// InspectUpload adds to an upload what can be seen by looking into its file.
	InspectUpload(ctx context.Context, u *Upload) error
	// ReceiveUpload keeps a file and gives its id.
	ReceiveUpload(ctx context.Context, name string, content io.Reader, actor string) (id string, err error)
	// ReadUpload has a file read in another way.
	ReadUpload(ctx context.Context, id string, way Reading) error
	// PreviewUpload and ConfirmUpload begin a run that goes on by itself; a confirmed
	// upload whose turn has not come has run 0.
	PreviewUpload(ctx context.Context, id, actor string) (run int64, err error)
	ConfirmUpload(ctx context.Context, id, actor string) (run int64, err error)
	DiscardUpload(ctx context.Context, id, actor string) error
	// UploadRows are rows of the file with what became of each in the upload's newest
	// run, or would.
	UploadRows(ctx context.Context, u *Upload, q UploadRowQuery) ([]UploadRow, error)
	// UploadedRow finds the row of a file that a record in the report of a run of it is
	// about, by its id or else by its name and why. registry.ErrNotFound for a run of no
	// file; where the file is kept no longer, a Refusal with what is left.
	UploadedRow(ctx context.Context, run *registry.Run, anchor, name string, code registry.Code) (*UploadedRow, error)
	// WriteFailedRows writes the rows that failed or were skipped, to be mended.
	WriteFailedRows(ctx context.Context, u *Upload, actor string, w io.Writer) error
	// UploadTemplate is an empty file with every column, in en, it or ru.
	UploadTemplate(locale string) ([]byte, error)
	// MaxUpload is the size of the largest file, in bytes.
	MaxUpload() int64
}

// Reading is how a file is read. The zero value leaves all to be found out.
type Reading struct {
	// Separator is a name: comma, semicolon, tab or pipe.
	Encoding, Separator, Sheet string
	Key, Mail                  string
	// Columns are the fields by the columns' headers, "" for one not read.
	Columns map[string]string
}

// Upload is a file of people, how it is read, and how it stands.
type Upload struct {
	*registry.Upload
	Reading Reading
	// Columns are the file's, in order, with what stands first below them.
	Columns []UploadColumn
	// Run is the run that the rows are of, the newest of preview and run; nil for
	// none.
	Run *registry.Run

	// What follows is there after InspectUpload. Encodings, Separators, Sheets and
	// Keys are what may be chosen, Fields what a column may mean.
	Encodings, Separators, Sheets, Keys []string
	// GuessedEncoding and GuessedSeparator are what the file looks like.
	GuessedEncoding, GuessedSeparator string
	// Replaced counts characters that are none in the encoding.
	Replaced int
	Fields   []UploadField
}

// UploadColumn is a column of a file.
type UploadColumn struct {
	Header, Field string
	Sample        []string
}

// UploadField is what a column may mean, with its name by language.
type UploadField struct {
	Name  string
	Words map[string]string
}

// UploadRowQuery asks for rows of an upload.
type UploadRowQuery struct {
	After, Limit int
	// Outcome is created, updated, unchanged, skipped or failed, "" for all.
	Outcome string
}

// UploadRow is a row of a file and what became of it.
type UploadRow struct {
	Line          int
	Outcome, Name string
	Code          registry.Code
	Message       registry.Said
	Payload       registry.Payload
}

// UploadedRow is a row of a file as it came.
type UploadedRow struct {
	Upload *registry.Upload
	// Line is where it stands in the file, from 1; 0 where the file does not have it.
	Line  int
	Cells []UploadedCell
	// Unread is how many of its columns are read for nothing, and so not shown.
	Unread int
}

// UploadedCell is a cell with what it means and which values were made of it.
type UploadedCell struct {
	Header, Field, Text string
	Values              []string
}

// ContactDesk is what is done with people who have no account.
type ContactDesk interface {
	Contacts(ctx context.Context, q registry.ContactQuery) ([]Contact, error)
	// Meet finds who has an address or a Teams id, or makes a contact. Where several
	// fit, Met has them beside the *Refusal.
	Meet(ctx context.Context, e registry.Encounter) (registry.Met, error)
	// Promote makes a full account of a contact.
	Promote(ctx context.Context, publicID string, p Promotion, actor string) error
	Intake(ctx context.Context, q registry.IntakeQuery) ([]registry.IntakeRow, error)
	// Arrivals are the people without an account who wrote first in the last days,
	// and how many of them have an address at a domain where others have accounts.
	Arrivals(ctx context.Context) (people, colleagues int64, err error)
	// Chances are the departments and contracts there are to choose from.
	Chances(ctx context.Context) (Chances, error)
}

// Contact is somebody without an account.
type Contact struct {
	Key                   registry.UserID
	PublicID, Name, Email string
	Door                  registry.Origin
	Verified              bool
	CreatedAt, LastSeen   time.Time
}

// Promotion is the account that a contact is to have.
type Promotion struct {
	UserName, GivenName, FamilyName string
	Kind                            registry.Kind
	Department, Contract            string
	Hold                            bool
}

// Chances are what an account can be given.
type Chances struct{ Departments, Contracts []string }
