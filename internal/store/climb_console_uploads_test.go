package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// consoleUploadsClimbed are the methods of Tenant that TestConsoleUploadsFence
// tries.
var consoleUploadsClimbed = []string{"ApplicationPage", "ContactPage", "IntakePage", "ReadUpload", "UploadPage"}

// TestConsoleUploadsFence: files, contacts, messages and applicants of company A
// are on no page of B, and A's pages have each of them once.
func TestConsoleUploadsFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		mail := c.door(registry.OriginMail, "mail")
		var files []*registry.Upload
		for i, id := range []string{"1", "2", "3"} {
			u := kept(t.Context(), t, c.a, "u"+id)
			files = append(files, u)
			contact := c.byMail(c.meet("claire"+id+"@secret.example", verified)).User
			must(t, c.a.NoteIntake(t.Context(), registry.IntakeMessage{
				Origin: mail.ID, Key: id, Sender: "claire@secret.example", User: contact, Created: true, Outcome: "new", At: c.now.Add(time.Duration(i/2) * time.Second),
			}))
			c.sql(`INSERT INTO applications (public_id, kind, state, code, for_company, user_id, address, attempts, next_try, claimed_until, created_at, decided_at, decided_by, note)
				VALUES ('a`+id+`', 'support_staff', 'awaiting', '', %d, 0, '', 0, 0, 0, 1, 0, '', '')`, c.src.Company)
		}
		ctx := store.OnlyCompany(t.Context(), int64(c.beta.Company))
		uploads, err := c.b.UploadPage(ctx, registry.UploadQuery{Limit: 10})
		must(t, err)
		contacts, err := c.b.ContactPage(ctx, registry.ContactQuery{Limit: 10})
		must(t, err)
		messages, err := c.b.IntakePage(ctx, registry.IntakeQuery{Limit: 10})
		must(t, err)
		applicants, err := c.b.ApplicationPage(ctx, registry.ApplicationQuery{Limit: 10})
		must(t, err)
		if n := len(uploads) + len(contacts) + len(messages) + len(applicants); n != 0 {
			t.Errorf("B sees %d records of A", n)
		}
		stolen := *files[0]
		stolen.Settings = []byte(`{}`)
		if moved, err := c.b.ReadUpload(ctx, &stolen, registry.UploadReceived); moved || err != nil {
			t.Errorf("B had A's file read anew: %v, %v", moved, err)
		}
		c.pagesOfUploads(files[1])
	})
}

// pagesOfUploads: page after page of two, A has each of its records once, the
// newest first; and a file is read anew only from where it stands.
func (c *climber) pagesOfUploads(u *registry.Upload) {
	t, ctx := c.t, c.t.Context()
	var got []string
	for q := (registry.UploadQuery{State: registry.UploadReceived, Limit: 2}); ; {
		page, err := c.a.UploadPage(ctx, q)
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, x := range page {
			got, q.Before = append(got, x.PublicID), x.ID
		}
	}
	for q := (registry.ContactQuery{Limit: 2}); ; {
		page, err := c.a.ContactPage(ctx, q)
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, x := range page {
			got, q.SeenBefore, q.Before = append(got, x.Email), x.LastSeen, x.Key
		}
	}
	for q := (registry.IntakeQuery{Outcome: "new", Limit: 2}); ; {
		page, err := c.a.IntakePage(ctx, q)
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, x := range page {
			got, q.BeforeAt, q.Before = append(got, string(x.Door.Kind)+" "+x.Name), x.At, x.ID
		}
	}
	for q := (registry.ApplicationQuery{State: registry.ApplicationAwaiting, Limit: 2}); ; {
		page, err := c.a.ApplicationPage(ctx, q)
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, x := range page {
			got, q.Before = append(got, x.PublicID), x.ID
		}
	}
	want(t, "pages", got, []string{
		"u3", "u2", "u1", "claire3@secret.example", "claire2@secret.example", "claire1@secret.example",
		"mail Given Family", "mail Given Family", "mail Given Family", "a3", "a2", "a1",
	})
	u.Settings, u.Preview = []byte(`{"key":"emails"}`), 0
	for _, was := range []registry.UploadState{registry.UploadApplied, registry.UploadReceived} {
		if moved, err := c.a.ReadUpload(ctx, u, was); moved != (was == registry.UploadReceived) || err != nil {
			t.Errorf("read anew, thought to be %s: %v, %v", was, moved, err)
		}
	}
	now, err := c.a.Upload(ctx, u.PublicID)
	must(t, err)
	if !strings.Contains(string(now.Settings), "emails") {
		t.Errorf("settings %s", now.Settings)
	}
}
