package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

// file keeps a file of two people, one of them without a name, and gives its id.
func (w *apiWorld) file(name string) string {
	w.t.Helper()
	acme, err := w.server.Company(w.t.Context(), "acme")
	must(w.t, err)
	u, _, err := w.server.ReceiveUpload(w.t.Context(), acme, "admin ann", text(name, "login;e-mail", name+";up@example.com", ";nobody@example.com"), app.UploadChoices{})
	must(w.t, err)
	return u.PublicID
}

// applicant is the id of somebody of the support staff who registered and waits.
func (w *apiWorld) applicant(login string) string {
	w.t.Helper()
	a := registry.Application{
		PublicID: "applicant-" + login, Kind: registry.SupportStaff, State: registry.ApplicationReceived, CreatedAt: w.server.Now(),
		Typed: map[string]string{
			registry.FieldLogin: login, registry.FieldGiven: "Ann", registry.FieldFamily: "Bee", registry.FieldMail: login + "@apply.example",
			registry.FieldPhone: "+39 1", registry.FieldCompany: "Acme", registry.FieldDepartment: "Field", registry.FieldGroup: "Any",
		},
		Resolved: map[string]string{registry.FactProven: "yes"},
	}
	must(w.t, w.server.Store.Registrations(w.server.Registry).Receive(w.t.Context(), onboard.Intake{
		Application: a, Challenge: auth.Spent{Hash: []byte(login), Expires: w.server.Now().Add(soon)}, Now: w.server.Now(),
	}))
	until(w.t, login+" waits", func() bool {
		got, err := w.acme.Application(w.t.Context(), a.PublicID)
		return err == nil && got.State == registry.ApplicationAwaiting
	})
	return a.PublicID
}

// uploads are looked at, previewed, carried out and dropped.
func (s *story) uploads() {
	t := s.t
	header := map[string]string{"Content-Type": "text/csv", "Content-Disposition": `attachment; filename="story.csv"`, "Idempotency-Key": "file"}
	for range 2 { // once
		res, got := s.send(s.token, "POST", "/uploads?mail=hold", "login;e-mail\nstory;up@example.com\n;nobody@example.com\n", header)
		var u map[string]any
		if err := json.Unmarshal(got, &u); err != nil || res.StatusCode != 201 || u["file"] != "story.csv" || u["mail"] != "hold" || u["state"] != "received" {
			t.Fatalf("received: %d %s", res.StatusCode, got)
		}
		s.values["upload"], s.told["receiveUpload"] = u["id"].(string), true
	}
	if res, got := s.send(s.token, "POST", "/uploads", "colour;size\nred;5\n", map[string]string{"Content-Type": "text/csv"}); res.StatusCode != 422 || !strings.Contains(string(got), "userName") {
		t.Errorf("a file about nobody: %d %s", res.StatusCode, got)
	}
	if _, got := s.do("listUploadRows", "", ""); len(items(got)) != 0 {
		t.Errorf("rows before a preview: %v", got)
	}
	for _, step := range []struct{ id, state, run string }{{"previewUpload", "previewed", "preview"}, {"confirmUpload", "applied", "run"}} {
		s.do(step.id, "", "")
		var got map[string]any
		until(t, step.id+" ends", func() bool {
			_, got = s.do("showUpload", "", "")
			return got["state"] == step.state
		})
		if n := got["counts"].(map[string]any); n["rows"] != 2.0 || n["created"] != 1.0 || n["failed"] != 1.0 || got[step.run] == nil || got["key"] != "userName" {
			t.Errorf("%s: %v", step.id, got)
		}
		if _, got := s.do("listUploadRows", "?outcome=failed", ""); len(items(got)) != 1 || items(got)[0].(map[string]any)["code"] != "key_missing" {
			t.Errorf("failed rows: %v", got)
		}
		if _, got := s.do("listUploadRows", "?limit=1", ""); len(items(got)) != 1 || got["next_cursor"] == nil || items(got)[0].(map[string]any)["row"] != 2.0 {
			t.Errorf("the first row: %v", got)
		}
	}
	_, csv := s.send(s.token, "GET", s.path("/uploads/{upload}/rows")+"?format=csv", "", nil)
	if n := bytes.Count(csv, []byte("\n")); n != 3 {
		t.Errorf("the export has %d lines:\n%s", n, csv)
	}
	if res, got := s.send(s.token, "POST", s.path("/uploads/{upload}/discard"), "", nil); res.StatusCode != 409 || !strings.Contains(string(got), `"upload_state"`) {
		t.Errorf("dropped what was carried out: %d %s", res.StatusCode, got)
	}
	s.values["upload"] = s.file("other.csv")
	if _, got := s.do("discardUpload", "", ""); got["state"] != "discarded" {
		t.Errorf("discarded: %v", got)
	}
	if _, got := s.do("listUploads", "?state=discarded", ""); len(items(got)) != 1 {
		t.Errorf("uploads: %v", got)
	}
	if _, got := s.do("listIntake", "?outcome=new&limit=1", ""); len(items(got)) != 1 || items(got)[0].(map[string]any)["name"] != "C Johnson" {
		t.Errorf("messages: %v", got)
	}
}

// applicants are let in and kept out.
func (s *story) applicants() {
	for _, step := range []struct{ id, login, state, body string }{{"activateApplicant", "letin", "done", ""}, {"refuseApplicant", "keptout", "refused", `{"note":"nobody knows them"}`}} {
		s.values["applicant"] = s.applicant(step.login)
		if _, got := s.do("showApplicant", "", ""); got["state"] != "awaiting" || got["typed"].(map[string]any)["login"] != step.login {
			s.t.Errorf("waits: %v", got)
		}
		if _, got := s.do(step.id, "", step.body); got["state"] != step.state || !strings.HasPrefix(fmt.Sprint(got["decided_by"]), "token") {
			s.t.Errorf("%s: %v", step.id, got)
		}
		if res, _ := s.send(s.token, "POST", s.path(s.routes[step.id].Pattern), step.body, nil); res.StatusCode != 404 {
			s.t.Errorf("%s twice: %d", step.id, res.StatusCode)
		}
	}
	if _, got := s.do("listApplicants", "?state=refused", ""); len(items(got)) != 1 {
		s.t.Errorf("applicants: %v", got)
	}
}
