package app_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/postgres"
)

// row is somebody of a generated list, of whom the first have an address.
func row(i, mailed int) []string {
	mail := ""
	if i < mailed {
		mail = fmt.Sprintf("u%06d@example.com", i)
	}
	return []string{
		fmt.Sprintf("u%06d", i), "Niccolò", fmt.Sprintf("Brambilla %d", i), mail, fmt.Sprintf("+39 06 %06d", i), fmt.Sprintf("E%06d", i),
		fmt.Sprintf("Reparto %d", i%50), "Impiegato",
	}
}

var rowHead = []string{"Nome utente", "Nome", "Cognome", "E-mail", "Telefono", "Matricola", "Reparto", "Mansione"}

// csvOf writes a list of so many people to a file.
func csvOf(t *testing.T, people, mailed int) app.UploadFile {
	t.Helper()
	name := filepath.Join(t.TempDir(), "people.csv")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	_, _ = w.WriteString(strings.Join(rowHead, ";") + "\r\n")
	for i := range people {
		_, _ = w.WriteString(strings.Join(row(i, mailed), ";") + "\r\n")
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return app.UploadFile{Name: "people.csv", Open: func() (io.ReadCloser, error) { return os.Open(name) }}
}

// xlsxOf is the same list as a workbook.
func xlsxOf(t *testing.T, people int) app.UploadFile {
	t.Helper()
	f := excelize.NewFile()
	w, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range people + 1 {
		cells := rowHead
		if i > 0 {
			cells = row(i-1, people)
		}
		list := make([]any, len(cells))
		for j, c := range cells {
			list[j] = c
		}
		if err := w.SetRow(fmt.Sprintf("A%d", i+1), list); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return app.UploadFile{Name: "people.xlsx", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }}
}

// TestUploadKilled: the server that carries an upload out is killed in the
// middle; another takes it up, and everybody is there once with one mail.
func TestUploadKilled(t *testing.T) {
	for name, database := range map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "usher.db") },
		"postgres": func(t testing.TB) string { return postgres.New(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const people, mailed = 8000, 100
			box := mailbox(t, "127.0.0.1:0")
			s := defaults(t, settings{Database: database(t), SMTP: box.Addr()})
			u := watchUploads(t, s)
			up := u.receive(csvOf(t, people, mailed), app.UploadChoices{})
			if err := u.ConfirmUpload(u.ctx, up, "admin ann"); err != nil {
				t.Fatal(err)
			}
			p := spawn(t, s)
			until(t, "the upload is in its middle", func() bool {
				n := count(t, u.Core, `SELECT count(*) FROM users`)
				return n > 0 && n < people
			})
			if err := p.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = p.cmd.Wait()
			if n := count(t, u.Core, `SELECT count(*) FROM users`); n == 0 || n == people {
				t.Fatalf("killed too late: there are %d people", n)
			}
			spawn(t, s)
			until(t, "the upload is applied", func() bool {
				got, err := u.Upload(u.ctx, u.company.ID, up.PublicID)
				return err == nil && got.State == registry.UploadApplied
			})
			until(t, "everybody has a mail", func() bool { return len(box.Messages()) >= mailed })
			for query, want := range map[string]int{
				`SELECT count(*) FROM users`:                            people,
				`SELECT count(DISTINCT user_name_key) FROM users`:       people,
				`SELECT count(*) FROM setup_links`:                      mailed,
				`SELECT count(*) FROM mails`:                            mailed,
				`SELECT count(*) FROM links`:                            people,
				`SELECT count(*) FROM changes WHERE action = 'create'`:  people,
				`SELECT count(*) FROM runs WHERE state = 'interrupted'`: 1,
			} {
				if n := count(t, u.Core, query); n != want {
					t.Errorf("%s gives %d, want %d", query, n, want)
				}
			}
			if n := onceEach(t, box); n != mailed {
				t.Errorf("%d people got a mail, want %d", n, mailed)
			}
		})
	}
}

// watchUploads is the company of servers that run beside.
func watchUploads(t *testing.T, s settings) *uploads {
	t.Helper()
	core, err := app.Open(t.Context(), configure(t, s), app.Options{Log: slog.New(slog.DiscardHandler)})
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

// TestUploadAtScale takes a list from looking to the second time. It is long
// with USHER_SOAK=1 and tells the figures of the README.
func TestUploadAtScale(t *testing.T) {
	people := 2000
	if os.Getenv("USHER_SOAK") == "1" {
		people = 100_000
	}
	onBothUploads(t, func(u *uploads) {
		for name, file := range map[string]app.UploadFile{"csv": csvOf(u.t, people, people), "xlsx": xlsxOf(u.t, people)} {
			begin := time.Now()
			took := func(what string) {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				u.t.Logf("%s %s: %s, %d MB from the system", name, what, time.Since(begin).Round(time.Millisecond), m.Sys>>20)
				begin = time.Now()
			}
			up := u.receive(file, app.UploadChoices{Mail: "none"})
			took("received")
			first := u.preview(up)
			took("previewed")
			_, n := u.rows(up, first)
			u.same("counts of the preview", up.Counts, n)
			took("shown")
			run := u.run(up)
			took("applied")
			u.same("failed", run.Counts.Failed+run.Counts.Conflicts, int64(0))
			again := u.receive(file, app.UploadChoices{Mail: "none"})
			begin = time.Now()
			u.run(again)
			took("applied again")
			u.same("the second time", again.Counts, registry.UploadCounts{Rows: int64(people), Unchanged: int64(people)})
		}
	})
}
