package app_test

import (
	"context"
	"fmt"
	"net/http"
	netsmtp "net/smtp"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/intake"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/dirgen"
	"github.com/usherd/usher/internal/testkit/issuer"
	"github.com/usherd/usher/internal/testkit/postfix"
)

// contacts are the contacts of the company acme, by address.
func contacts(t *testing.T, s *app.Server) map[string]store.Contact {
	t.Helper()
	company, err := s.Company(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Store.For(company.ID).Contacts(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]store.Contact{}
	for _, c := range list {
		out[c.Email] = c
	}
	return out
}

// TestMailBecomesAnAccount: a real mail server delivers to usher, which makes a
// contact; the directory that brings the same person makes it an account, with its
// id, a better name and one set-up mail.
func TestMailBecomesAnAccount(t *testing.T) {
	t.Parallel()
	box, dir, at := mailbox(t, "127.0.0.1:0"), directory(t, 3, 0), free(t)
	cfg := configure(t, settings{SMTP: box.Addr(), LDAP: dir.URL, Companies: "  beta: {name: Beta}", Source: "    join: [email]\n    delete_after: never", More: `intake:
  listen: lmtp://` + at + `
  recipients: {help@acme.example: acme, help@beta.example: beta}
  authserv_ids: [mx.acme.example]
`})
	s, _ := start(t, cfg, app.Options{})
	mta := postfix.Start(t, postfix.Options{Domain: "acme.example", LMTP: at, Header: "Authentication-Results: mx.acme.example; dmarc=pass header.from=example.com"})
	known, other := dirgen.UID(1)+"@example.com", "c.johnson@elsewhere.example"
	send := func(from, to string, more ...string) error {
		text := strings.Join(append(more, "From: "+from, "To: "+to, "Subject: Printer", "Message-ID: <"+from+fmt.Sprint(len(more))+"@mail>", "", "It burns.", ""), "\r\n")
		return netsmtp.SendMail(mta.Addr, nil, from, []string{to}, []byte(text))
	}
	for _, from := range []string{known, other, known} {
		if err := send(from, "help@acme.example"); err != nil {
			t.Fatal(err, mta.Log())
		}
	}
	if err := send("robot@elsewhere.example", "help@acme.example", "Auto-Submitted: auto-replied"); err != nil {
		t.Fatal(err)
	}
	until(t, "two contacts", func() bool { return len(contacts(t, s)) == 2 })
	made := contacts(t, s)
	if c := made[other]; c.Name != "C Johnson" || c.Verified {
		t.Errorf("the stranger is %+v", c)
	}
	if !made[known].Verified {
		t.Errorf("the colleague is %+v", made[known])
	}
	if err := send("claire@elsewhere.example", "nobody@acme.example"); err != nil {
		t.Fatal(err) // Postfix takes it, and has to hear that there is no such mailbox
	}
	until(t, "a refused recipient", func() bool { return strings.Contains(mta.Log(), "No such mailbox here") })

	run, err := s.RunSource(t.Context(), "corp", app.RunRequest{Mode: registry.ModeRun, Trigger: "manual"})
	if err != nil || run.Counts.Failed+run.Counts.Conflicts != 0 {
		t.Fatalf("run: %+v, %v", run, err)
	}
	company, _ := s.Company(t.Context(), "acme")
	u, err := s.Store.For(company.ID).FindUser(t.Context(), dirgen.UID(1))
	if err != nil || u.PublicID != made[known].ID {
		t.Fatalf("the account is %+v, %v; the contact was %s", u, err, made[known].ID)
	}
	if u.State() != registry.StateInvited || strings.Contains(u.DisplayName(), "U000") {
		t.Errorf("the account is %s, %s", u.State(), u.DisplayName())
	}
	until(t, "set-up mails of three people", func() bool { return onceEach(t, box) == 3 })
	if again, err := s.RunSource(t.Context(), "corp", app.RunRequest{Mode: registry.ModeRun, Trigger: "manual"}); err != nil || again.Counts.Changes() != 0 {
		t.Errorf("again: %+v, %v", again, err)
	}
	answer, err := s.IntakeMail(t.Context(), company.ID, "", strings.NewReader("From: "+known+"\r\n\r\n"))
	if err != nil || answer.Outcome != intake.Known || answer.ID != u.PublicID || answer.Strength != registry.Strong {
		t.Errorf("who writes now is %+v, %v", answer, err)
	}
	for mailbox, taken := range map[string]bool{"Help@acme.example": true, "help+de@acme.example": true, "help@elsewhere.example": true, "help@beta.example": false} {
		if _, err := s.IntakeMail(t.Context(), company.ID, mailbox, strings.NewReader("From: "+known+"\r\n\r\n")); (err == nil) != taken {
			t.Errorf("mail for %s: %v", mailbox, err)
		}
	}
	onceEach(t, box)
}

// TestTeamsDoor: the Bot Framework's messages arrive at the server's own address.
func TestTeamsDoor(t *testing.T) {
	t.Parallel()
	const bot, service = "11111111-2222-3333-4444-555555555555", "https://smba.trafficmanager.net/emea/"
	const tenant, object = "aaaaaaaa-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000001"
	framework := issuer.New(t).NewBot("msteams")
	cfg := configure(t, settings{More: "teams: {app_id: " + bot + ", metadata: " + framework.Metadata() + ", tenants: {" + tenant + ": acme}}\n"})
	s, _ := start(t, cfg, app.Options{})
	post := func(token string) int {
		body := `{"type":"message","channelId":"msteams","serviceUrl":"` + service + `","from":{"name":"Claire Johnson","aadObjectId":"` + object + `"},"conversation":{"tenantId":"` + tenant + `"}}`
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr()+"/teams/messages", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if code := post("x"); code != http.StatusForbidden {
		t.Errorf("a made-up token: %d", code)
	}
	token := framework.Sign("RS256", map[string]any{"iss": auth.BotIssuer, "aud": bot, "serviceurl": service, "exp": time.Now().Add(time.Hour).Unix()})
	for range 2 {
		if code := post(token); code != http.StatusOK {
			t.Errorf("a message: %d", code)
		}
	}
	if list := contacts(t, s); len(list) != 1 || list[""].Name != "Claire Johnson" || list[""].Door.Kind != registry.OriginTeams {
		t.Errorf("contacts: %+v", list)
	}
}

// TestMeetByHand: what a helpdesk names is found or made, and what is ambiguous is
// said and noted.
func TestMeetByHand(t *testing.T) {
	t.Parallel()
	s, _ := start(t, configure(t, settings{}), app.Options{})
	company, err := s.Company(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	meet := func(e app.Encounter) (app.Met, error) {
		e.Actor = "token ush_x"
		return s.Recognise(context.WithoutCancel(t.Context()), company.ID, registry.OriginAPI, e)
	}
	first, err := meet(app.Encounter{Email: "c.johnson@myorg.org", Reason: "ticket 7"})
	if err != nil || !first.New || first.User.DisplayName() != "C Johnson" {
		t.Fatalf("%+v, %v", first, err)
	}
	named, err := meet(app.Encounter{Email: "C.Johnson@MyOrg.org", GivenName: "Claire", Phone: "+39 1"})
	if err != nil || named.New || named.User.PublicID != first.User.PublicID || named.User.Attributes.First(registry.AttrGivenName) != "Claire" {
		t.Fatalf("%+v, %v", named, err)
	}
	for _, bad := range []app.Encounter{{}, {Email: "nobody"}, {TeamsTenant: "x", TeamsObject: "y"}} {
		if _, err := meet(bad); registry.CodeOf(err) != registry.CodeInvalidValue {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	for i := range 2 {
		if _, err := s.CreateUser(t.Context(), company.ID, "test", app.NewUser{UserName: fmt.Sprint("n", i), Email: "shared@myorg.org"}); err != nil {
			t.Fatal(err)
		}
	}
	met, err := meet(app.Encounter{Email: "shared@myorg.org"})
	if registry.CodeOf(err) != registry.CodeAmbiguous || len(met.Candidates) != 2 || met.User != nil {
		t.Errorf("%+v, %v", met, err)
	}
	deeds, err := s.Store.For(company.ID).Deeds(t.Context(), registry.DeedQuery{Action: "contact.meet", Limit: 10})
	if err != nil || len(deeds) != 1 || len(deeds[0].Detail) != 2 {
		t.Errorf("noted: %+v, %v", deeds, err)
	}
}
