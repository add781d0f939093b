package app_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/postgres"
)

// uploads is a company whose admins upload files.
type uploads struct {
	*app.Core
	t       *testing.T
	ctx     context.Context
	company registry.Company
}

func newUploads(t *testing.T, database string) *uploads {
	t.Helper()
	core, err := app.Open(t.Context(), configure(t, settings{Database: database}), app.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := core.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := core.Company(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	return &uploads{Core: core, t: t, ctx: t.Context(), company: c}
}

// onBothUploads runs a test on both databases.
func onBothUploads(t *testing.T, fn func(*uploads)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(newUploads(t, "")) })
	t.Run("postgres", func(t *testing.T) { fn(newUploads(t, postgres.New(t))) })
}

// text is a file of some lines.
func text(name string, lines ...string) app.UploadFile {
	doc := []byte(strings.Join(lines, "\r\n"))
	return app.UploadFile{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(doc)), nil }}
}

func (u *uploads) receive(f app.UploadFile, c app.UploadChoices) *registry.Upload {
	u.t.Helper()
	up, _, err := u.ReceiveUpload(u.ctx, u.company, "admin ann", f, c)
	if err != nil {
		u.t.Fatal(err)
	}
	return up
}

func (u *uploads) preview(up *registry.Upload) *registry.Run {
	u.t.Helper()
	run, err := u.PreviewUpload(u.ctx, up, "admin ann", nil)
	if err != nil {
		u.t.Fatal(err)
	}
	return run
}

func (u *uploads) run(up *registry.Upload) *registry.Run {
	u.t.Helper()
	run, err := u.ApplyUpload(u.ctx, up, "admin ann", nil)
	if err != nil {
		u.t.Fatal(err)
	}
	return run
}

// rows are the rows of an upload in a run, in words, and their counts.
func (u *uploads) rows(up *registry.Upload, run *registry.Run) ([]string, registry.UploadCounts) {
	u.t.Helper()
	var out []string
	var n registry.UploadCounts
	err := u.UploadRows(u.ctx, up, run, func(r app.UploadRow) error {
		out = append(out, strings.Join(strings.Fields(fmt.Sprintf("%d %s %s %s", r.Line, r.Outcome, r.Name, r.Code)), " "))
		n.Rows++
		*map[string]*int64{registry.RowCreated: &n.Created, registry.RowUpdated: &n.Updated, registry.RowUnchanged: &n.Unchanged, registry.RowSkipped: &n.Skipped, registry.RowFailed: &n.Failed}[r.Outcome]++
		return nil
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return out, n
}

func (u *uploads) same(what string, got, want any) {
	u.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		u.t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func (u *uploads) person(who string) *registry.User {
	u.t.Helper()
	p, err := u.Store.For(u.company.ID).FindUser(u.ctx, who)
	if err != nil {
		u.t.Fatalf("%s: %v", who, err)
	}
	return p
}

// mended are the failed rows of a run as a file.
func (u *uploads) mended(up *registry.Upload, run *registry.Run) string {
	u.t.Helper()
	var b strings.Builder
	if _, err := u.WriteFailedRows(u.ctx, up, run, "admin ann", &b); err != nil {
		u.t.Fatal(err)
	}
	return b.String()
}

// TestUpload: a file from looking to the second time, with a row for each thing
// that can become of one.
func TestUpload(t *testing.T) {
	onBothUploads(t, func(u *uploads) {
		_, err := u.CreateUser(u.ctx, u.company.ID, "admin ann", app.NewUser{UserName: "Otto", Email: "otto@example.com", Kind: registry.EndUser})
		if err != nil {
			u.t.Fatal(err)
		}
		file := text("people.csv", "Nome utente;Nome;Cognome;E-mail;Telefono;Tipo;Reparto;Gruppi;Gruppi di assistenza;Amministratore;Colore",
			"anna;Anna;Bruni;anna@example.com;'+39 06 123;utente;IT;Sales, News;;;red",
			"bruno;Bruno;Ceri;bruno@example.com, b@example.com;;assistenza;IT;;Help;no;",
			";;;;;;;;;;",
			"otto;Otto;X;otto@example.com;;;;;;;",
			"carla;Carla;D;carla@example.com;;;;;;sì;",
			"dora;Dora;E;dora@example.com;;capo;;;;;",
			";Ohne;Name;x@example.com;;;;;;;",
			"ANNA;Anna;Due;anna2@example.com;;;;;;;",
			"emma;Emma;F;not an address;;;;;;;",
			`fritz;5" pipe;G;f@example.com;;;;;;;`,
		)
		up := u.receive(file, app.UploadChoices{Mail: "hold"})
		run := u.preview(up)
		rows, n := u.rows(up, run)
		u.same("preview", rows, []string{
			"2 created anna", "3 created bruno", "5 failed otto foreign_owner", "6 failed carla rights_not_uploaded", "7 failed dora unknown_kind",
			"8 failed key_missing", "9 failed ANNA duplicate_row", "10 created emma malformed_email", "11 failed bad_row",
		})
		u.same("counts", up.Counts, n)
		u.same("state", up.State, registry.UploadPreviewed)
		if _, err := u.Store.For(u.company.ID).FindUser(u.ctx, "anna"); err == nil {
			u.t.Error("a preview made somebody")
		}
		run = u.run(up)
		again, n := u.rows(up, run)
		u.same("run", again, rows)
		u.same("counts", up.Counts, n)
		u.same("state", up.State, registry.UploadApplied)
		anna := u.person("anna")
		u.same("phone", anna.Attributes.First(registry.AttrPhone), "+39 06 123")
		u.same("kind", u.person("bruno").Kind, registry.SupportStaff)
		u.same("addresses", u.person("bruno").Attributes[registry.AttrEmails], []string{"bruno@example.com", "b@example.com"})
		if g, err := u.FindGroup(u.ctx, u.company.ID, "help"); err != nil || g.Role != registry.RoleSupport {
			u.t.Errorf("support group: %+v, %v", g, err)
		}
		mails, err := u.Store.For(u.company.ID).MailCounts(u.ctx)
		if err != nil || mails["held"] != 2 || mails["queued"] != 1 { // emma has no address, otto came by hand
			u.t.Errorf("mails: %v, %v", mails, err)
		}
		u.twice(file)
		u.mend(u.mended(up, run))
	})
}

// twice: the same file plans nothing the second time.
func (u *uploads) twice(file app.UploadFile) {
	u.t.Helper()
	up := u.receive(file, app.UploadChoices{})
	run := u.preview(up)
	_, n := u.rows(up, run)
	u.same("counts of the same file", n, registry.UploadCounts{Rows: 9, Unchanged: 3, Failed: 6})
	u.same("kept counts", up.Counts, n)
	u.same("changes of the same file", run.Counts.Changes(), int64(0))
	u.same("unchanged by the plan", run.Counts.Unchanged, int64(3))
}

// mend: the failed rows come back as they were, with why, and go through once
// they are mended.
func (u *uploads) mend(doc string) {
	u.t.Helper()
	if !strings.Contains(doc, "carla;Carla;D;carla@example.com;;;;;;sì;;") || !strings.Contains(doc, "rights_not_uploaded") {
		u.t.Errorf("failed rows:\n%s", doc)
	}
	doc = strings.NewReplacer("sì", "no", "capo", "utente", "ANNA", "ada", `"fritz;5"" pipe;G;f@example.com;;;;;;;"`, "").Replace(doc)
	up := u.receive(text("mend.csv", strings.Split(doc, "\n")...), app.UploadChoices{})
	run := u.run(up)
	rows, n := u.rows(up, run)
	u.same("counts of the mended", up.Counts, n)
	if n.Created < 3 {
		u.t.Errorf("mended rows: %v\n%s", rows, doc)
	}
}
