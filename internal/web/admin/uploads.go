package admin

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var uploadRoutes = []route{
	{"GET /uploads", auth.RightRead, "", (*Handlers).uploads},
	{sendUpload, auth.RightOperate, "upload.receive", (*Handlers).receiveUpload},
	{"GET /uploads/export", auth.RightRead, "", (*Handlers).exportUploads},
	{"GET /uploads/template", auth.RightRead, "", (*Handlers).uploadTemplate},
	{"GET /uploads/{id}", auth.RightRead, "", (*Handlers).upload},
	{"GET /uploads/{id}/rows", auth.RightRead, "", (*Handlers).exportUploadRows},
	{"GET /uploads/{id}/failed", auth.RightOperate, "", (*Handlers).failedRows},
	{"POST /uploads/{id}/read", auth.RightOperate, "upload.read", (*Handlers).readUpload},
	{"POST /uploads/{id}/preview", auth.RightOperate, "upload.preview", (*Handlers).previewUpload},
	{"POST /uploads/{id}/confirm", auth.RightOperate, "upload.confirm", (*Handlers).confirmUpload},
	{"POST /uploads/{id}/discard", auth.RightOperate, "upload.discard", (*Handlers).discardUpload},
}

// sendUpload is the one form that holds a file.
const sendUpload = "POST /uploads"

// formSize is the most that the form of a route may hold, 0 for what is typed. A
// file that is a little too large still arrives whole, so that the page can say so.
func formSize(pattern string) int64 {
	const file, rest = 64 << 20, 1 << 20
	if pattern == sendUpload {
		return file + rest
	}
	return 0
}

// uploadDone are what a page of uploads may say was done before it was opened.
var uploadDone = map[string]bool{"read": true, "reread": true, "discarded": true, "confirmed": true}

// uploadPage is page with the words of uploads.
func (h *Handlers) uploadPage(v *visit) page {
	p := h.page(v)
	if done := v.r.URL.Query().Get("done"); uploadDone[done] {
		p.Notice = web.Say("admin.uploads.done." + done)
	}
	return p
}

// uploadStates are those a list can be narrowed to.
var uploadStates = []registry.UploadState{
	registry.UploadReceived, registry.UploadPreviewed, registry.UploadConfirmed, registry.UploadHeld, registry.UploadApplied,
	registry.UploadFailed, registry.UploadDiscarded,
}

// uploadsView lists uploads, the newest first, below the form for another.
type uploadsView struct {
	page
	Uploads   []*registry.Upload
	States    []registry.UploadState
	State     string
	Megabytes int64
	Older     string
}

func (h *Handlers) uploads(v *visit) { h.showUploads(v, nil) }

func (h *Handlers) showUploads(v *visit, alert *web.Message) {
	view := uploadsView{page: h.uploadPage(v), States: uploadStates, State: v.r.URL.Query().Get("state"), Megabytes: v.desk.MaxUpload() >> 20}
	view.Alert = alert
	q := registry.UploadQuery{State: registry.UploadState(view.State), Limit: perPage + 1}
	q.Before, _ = strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	var err error
	if view.Uploads, err = v.desk.Uploads(v.ctx(), q); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(view.Uploads) > perPage {
		view.Uploads = view.Uploads[:perPage]
		view.Older = with(v.r, "before", fmt.Sprint(view.Uploads[perPage-1].ID))
	}
	h.show(v, "admin_uploads", web.Say("admin.uploads.title"), view)
}

func (h *Handlers) exportUploads(v *visit) {
	h.export(v, Export{Operation: "listUploads", Query: v.only("state")})
}

// receiveUpload keeps the file of a form as it comes in and leads to it.
func (h *Handlers) receiveUpload(v *visit) {
	file, err := sentFile(v.r)
	if err != nil {
		h.notReceived(v, err)
		return
	}
	id, err := v.desk.ReceiveUpload(v.ctx(), path.Base(strings.ReplaceAll(file.FileName(), `\`, "/")), file, v.who.Actor)
	if err != nil {
		h.notReceived(v, err)
		return
	}
	v.back("", "uploads", id)
}

// errNoFile is a form in which no file was chosen.
var errNoFile = errors.New("no file was chosen")

// sentFile is the file of a form, to be read once.
func sentFile(r *http.Request) (*multipart.Part, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, errNoFile
	}
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, errNoFile
		case err != nil:
			return nil, fmt.Errorf("read form: %w", err)
		case part.FormName() == "file" && part.FileName() != "":
			return part, nil
		}
	}
}

// notReceived says why a file was not taken.
func (h *Handlers) notReceived(v *visit, err error) {
	var refused *Refusal
	var large *http.MaxBytesError
	v.outcome = registry.CodeInvalidValue
	switch {
	case errors.Is(err, errNoFile):
		h.showUploads(v, web.Say("admin.uploads.nofile"))
	case errors.As(err, &large):
		h.showUploads(v, web.Say("admin.uploads.large", "Megabytes", v.desk.MaxUpload()>>20))
	case errors.As(err, &refused):
		h.showUploads(v, web.Say("admin.uploads.refused", "Reason", refused.Reason))
	default:
		h.Fail(v.w, v.r, err)
	}
}

func (h *Handlers) uploadTemplate(v *visit) {
	locale := v.r.URL.Query().Get("locale")
	doc, err := v.desk.UploadTemplate(locale)
	if err != nil {
		h.Refuse(v.w, v.r, http.StatusNotFound)
		return
	}
	attach(v.w, "people."+locale+".csv")
	_, _ = v.w.Write(doc) // who does not read it has left
}

// attach makes the answer a CSV to save.
func attach(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	w.Header().Set("Cache-Control", "no-store")
}

// uploadView is one file: how it is read, what it would do or did, row by row, and
// what to do next.
type uploadView struct {
	page
	File *Upload
	// Working is the run at work on it; Waits is true for a confirmed one whose turn
	// comes.
	Working *registry.Run
	Waits   bool
	// Open is true while it can be read in another way.
	Open bool
	// Gone says why the file cannot be looked into.
	Gone    registry.Said
	Fates   []fate
	Rows    []uploadRow
	Outcome string
	More    string
}

// fate is one thing that becomes of rows, with how many there are.
type fate struct {
	Name string
	N    int64
	URL  string
}

// uploadRow is a row with its values before and after.
type uploadRow struct {
	UploadRow
	Values []change
}

// Did is "did" for a report and "will" for a preview: the first part of the words
// for what became of a row, or would.
func (v uploadView) Did() string {
	if v.File.Run != nil && v.File.Run.Mode != registry.ModePreview && v.File.Run.State != registry.RunHeld {
		return "did"
	}
	return "will"
}

// Mails are the choices of what becomes of set-up mails.
func (uploadView) Mails() []string { return []string{"send", "hold", "none"} }

func (h *Handlers) findUpload(v *visit) (*Upload, bool) {
	u, err := v.desk.Upload(v.ctx(), v.r.PathValue("id"))
	if err != nil {
		h.missing(v, err)
		return nil, false
	}
	return u, true
}

func (h *Handlers) upload(v *visit) {
	if u, ok := h.findUpload(v); ok {
		h.showUpload(v, u, nil)
	}
}

// refresh is how often a page is loaded anew while a run is at work.
const refresh = time.Second

func (h *Handlers) showUpload(v *visit, u *Upload, alert *web.Message) {
	view := uploadView{page: h.uploadPage(v), File: u, Outcome: v.r.URL.Query().Get("outcome")}
	view.Alert = alert
	var err error
	if view.Working, err = h.working(v, u); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	view.Waits = view.Working == nil && u.State == registry.UploadConfirmed
	view.Open = view.Working == nil && (u.State == registry.UploadReceived || u.State == registry.UploadPreviewed || u.State == registry.UploadFailed)
	if view.Working != nil || view.Waits {
		v.w.Header().Set("Refresh", fmt.Sprint(int(refresh.Seconds())))
	} else if err := h.lookInto(v, &view); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_upload", web.Say("admin.upload.title", "Name", u.FileName), view)
}

// working is the run that the address names, while it is at work or has just
// ended and not been entered yet.
func (h *Handlers) working(v *visit, u *Upload) (*registry.Run, error) {
	number, _ := strconv.ParseInt(v.r.URL.Query().Get("run"), 10, 64)
	if number == 0 {
		return nil, nil
	}
	run, err := v.desk.Run(v.ctx(), number)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entered := run.ID == u.Upload.Preview || run.ID == u.Upload.Run
	if run.State.Active() || !entered && h.Now().Sub(run.FinishedAt) < time.Minute {
		return run, nil
	}
	return nil, nil
}

// lookInto fills in what stands in the file, and a page of its rows.
func (h *Handlers) lookInto(v *visit, view *uploadView) error {
	u, query := view.File, v.r.URL.Query()
	var refused *Refusal
	if view.Open {
		if err := v.desk.InspectUpload(v.ctx(), u); errors.As(err, &refused) {
			view.Gone = refused.Reason
		} else if err != nil {
			return err
		}
	}
	if u.Run == nil {
		return nil
	}
	n := u.Counts
	for _, f := range []fate{{"created", n.Created, ""}, {"updated", n.Updated, ""}, {"unchanged", n.Unchanged, ""}, {"skipped", n.Skipped, ""}, {"failed", n.Failed, ""}} {
		f.URL = view.To("uploads", u.PublicID) + "?outcome=" + f.Name + "#rows"
		view.Fates = append(view.Fates, f)
	}
	q := UploadRowQuery{Outcome: view.Outcome, Limit: perPage + 1}
	q.After, _ = strconv.Atoi(query.Get("after"))
	rows, err := v.desk.UploadRows(v.ctx(), u, q)
	if errors.As(err, &refused) {
		view.Gone = refused.Reason
		return nil
	}
	if err != nil {
		return err
	}
	if len(rows) > perPage {
		rows = rows[:perPage]
		view.More = with(v.r, "after", fmt.Sprint(rows[perPage-1].Line)) + "#rows"
	}
	for _, r := range rows {
		view.Rows = append(view.Rows, uploadRow{r, changesOf(r.Payload)})
	}
	return nil
}

func (h *Handlers) exportUploadRows(v *visit) {
	h.export(v, Export{Operation: "listUploadRows", Path: map[string]string{"upload": v.r.PathValue("id")}, Query: v.only("outcome")})
}

// failedRows gives the rows to be mended and uploaded again.
func (h *Handlers) failedRows(v *visit) {
	u, ok := h.findUpload(v)
	if !ok {
		return
	}
	if u.Run == nil {
		h.Refuse(v.w, v.r, http.StatusNotFound)
		return
	}
	attach(v.w, strings.TrimSuffix(u.FileName, path.Ext(u.FileName))+".failed.csv")
	if err := v.desk.WriteFailedRows(v.ctx(), u, v.who.Actor, v.w); err != nil {
		h.Note(v.r, "failed rows", err)
		panic(http.ErrAbortHandler) // half a file must not look whole
	}
}

// posted is a field of the form, without the blanks around it.
func (v *visit) posted(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }

// readUpload has a file read as the form says. What is changed of its encoding,
// separator or sheet makes other columns of it, which are looked at first.
func (h *Handlers) readUpload(v *visit) {
	u, ok := h.findUpload(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	way := Reading{Encoding: v.posted("encoding"), Separator: v.posted("separator"), Sheet: v.posted("sheet"), Mail: v.posted("mail")}
	same := way.Encoding == u.Reading.Encoding && way.Separator == u.Reading.Separator && way.Sheet == u.Reading.Sheet
	if same {
		way.Columns = map[string]string{}
		for i, col := range u.Columns {
			if _, twice := way.Columns[col.Header]; !twice && col.Header != "" {
				way.Columns[col.Header] = v.posted(fmt.Sprint("column", i))
			}
		}
		for _, field := range way.Columns {
			if field == v.posted("key") {
				way.Key = field
			}
		}
	}
	err := v.desk.ReadUpload(v.ctx(), u.PublicID, way)
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome = refused.Code
		h.showUpload(v, u, web.Say("admin.uploads.misfit", "Reason", refused.Reason))
	case err != nil:
		h.missing(v, err)
	case !same:
		v.back("reread", "uploads", u.PublicID)
	case v.posted("then") == "preview":
		h.previewUpload(v)
	default:
		v.back("read", "uploads", u.PublicID)
	}
}

func (h *Handlers) previewUpload(v *visit) {
	if u, ok := h.findUpload(v); ok {
		run, err := v.desk.PreviewUpload(v.ctx(), u.PublicID, v.who.Actor)
		h.toRun(v, u, run, err)
	}
}

func (h *Handlers) confirmUpload(v *visit) {
	if u, ok := h.findUpload(v); ok {
		run, err := v.desk.ConfirmUpload(v.ctx(), u.PublicID, v.who.Actor)
		h.toRun(v, u, run, err)
	}
}

// toRun leads to a file while a run is at work on it, or says why none is.
func (h *Handlers) toRun(v *visit, u *Upload, run int64, err error) {
	if err != nil || run == 0 {
		h.did(v, err, "confirmed", "uploads", u.PublicID)
		return
	}
	http.Redirect(v.w, v.r, page{Company: v.company}.To("uploads", u.PublicID)+"?run="+fmt.Sprint(run), http.StatusSeeOther)
}

func (h *Handlers) discardUpload(v *visit) {
	if u, ok := h.findUpload(v); ok {
		h.did(v, v.desk.DiscardUpload(v.ctx(), u.PublicID, v.who.Actor), "discarded", "uploads")
	}
}
