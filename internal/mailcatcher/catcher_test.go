package mailcatcher_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/mailcatcher"
)

func start(t *testing.T, opts mailcatcher.Options) *mailcatcher.Catcher {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := mailcatcher.Start(l, opts)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

const multipart = "From: Helpdesk <h@example.com>\r\n" +
	"To: anna@example.org\r\n" +
	"Subject: =?utf-8?q?Pi=C3=B9_caff=C3=A8?=\r\n" +
	"X-Order: 1\r\n" +
	"MIME-Version: 1.0\r\n" +
	"Content-Type: multipart/alternative; boundary=b\r\n" +
	"\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSee https://people.example.com/setup/x?a=1&b=2 <now>\r\n" +
	"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" +
	"<!doctype html><html><head><title>x</title></head><body><p id=hi>Ciao</p><script>bad()</script></body></html>\r\n--b--\r\n"

func post(c *mailcatcher.Catcher, to ...string) error {
	return smtp.SendMail(c.Addr(), nil, "h@example.com", to, []byte(multipart))
}

func TestCatchAndWait(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 5, 0, 0, time.UTC)
	c := start(t, mailcatcher.Options{Now: func() time.Time { return at }})
	sent := make(chan error, 1)
	go func() {
		err := post(c, "anna@example.org")
		sent <- errors.Join(err, post(c, "bo@example.org", "cy@example.org"))
	}()
	got, err := c.Wait(t.Context(), mailcatcher.AtLeast(2))
	if err := errors.Join(err, <-sent); err != nil {
		t.Fatal(err)
	}
	m := got[0]
	if m.ID != 1 || m.Subject != "Più caffè" || !strings.Contains(m.Text, "setup/x?a=1&b=2") ||
		!strings.Contains(m.HTML, "Ciao") || m.Header("x-order") != "1" || !m.At.Equal(at) || m.From != "h@example.com" {
		t.Errorf("%+v", m)
	}
	if m.Headers[0].Name != "From" || m.Headers[3].Name != "X-Order" {
		t.Errorf("headers out of order: %+v", m.Headers)
	}
	if strings.Join(got[1].To, " ") != "bo@example.org cy@example.org" || got[1].Conn != 2 || c.Connections() != 2 {
		t.Errorf("%+v over %d connections", got[1], c.Connections())
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	c := start(t, mailcatcher.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Wait(ctx, mailcatcher.AtLeast(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestOldestMakeRoom(t *testing.T) {
	c := start(t, mailcatcher.Options{Keep: 2})
	for range 3 {
		if err := post(c, "anna@example.org"); err != nil {
			t.Fatal(err)
		}
	}
	got := c.Messages()
	if len(got) != 2 || got[0].ID != 2 || got[1].ID != 3 {
		t.Errorf("kept %+v", got)
	}
	if _, ok := c.Message(1); ok {
		t.Error("the oldest is still there")
	}
}

func TestScriptedFaults(t *testing.T) {
	for _, tc := range []struct {
		name   string
		stage  mailcatcher.Stage
		action mailcatcher.Action
		code   int // what the client sees, 0 for a dropped connection
		kept   int
	}{
		{"refused recipient", mailcatcher.StageRcpt, mailcatcher.Action{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no"}, 550, 0},
		{"refused sender", mailcatcher.StageMail, mailcatcher.Action{Code: 451, Enhanced: [3]int{4, 0, 0}, Text: "no"}, 451, 0},
		{"refused content", mailcatcher.StageData, mailcatcher.Action{Code: 554, Enhanced: [3]int{5, 6, 0}, Text: "no"}, 554, 0},
		{"lost before it was kept", mailcatcher.StageData, mailcatcher.Action{Hangup: true}, 0, 0},
		{"answer lost", mailcatcher.StageData, mailcatcher.Action{Hangup: true, Keep: true}, 0, 1},
		{"closing with a word", mailcatcher.StageRcpt,
			mailcatcher.Action{Code: 421, Enhanced: [3]int{4, 3, 2}, Text: "bye", Hangup: true}, 421, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := start(t, mailcatcher.Options{Script: func(s mailcatcher.Step) mailcatcher.Action {
				if s.Stage == tc.stage {
					return tc.action
				}
				return mailcatcher.Action{}
			}})
			err := post(c, "anna@example.org")
			var reply *textproto.Error
			switch {
			case err == nil:
				t.Error("the client saw no fault")
			case tc.code == 0 && errors.As(err, &reply), tc.code != 0 && (!errors.As(err, &reply) || reply.Code != tc.code):
				t.Errorf("the client saw %v, want code %d", err, tc.code)
			}
			if len(c.Messages()) != tc.kept {
				t.Errorf("%d kept, want %d", len(c.Messages()), tc.kept)
			}
		})
	}
}

func TestHoldDelays(t *testing.T) {
	hold, reached := make(chan struct{}), make(chan struct{})
	var once sync.Once
	c := start(t, mailcatcher.Options{Script: func(s mailcatcher.Step) mailcatcher.Action {
		if s.Stage != mailcatcher.StageData {
			return mailcatcher.Action{}
		}
		once.Do(func() { close(reached) })
		return mailcatcher.Action{Hold: hold}
	}})
	sent := make(chan error, 1)
	go func() { sent <- post(c, "anna@example.org") }()
	<-reached
	if len(c.Messages()) != 0 {
		t.Error("kept while held")
	}
	close(hold)
	if err := <-sent; err != nil || len(c.Messages()) != 1 {
		t.Errorf("after release: %v, %d kept", err, len(c.Messages()))
	}
}

func get(t *testing.T, h http.Handler, path string) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

func TestPage(t *testing.T) {
	c := start(t, mailcatcher.Options{})
	h := c.Handler(mailcatcher.Page{
		Title:   "usher demo <mails>",
		Buttons: []mailcatcher.Button{{Label: "Next day", Path: "/demo/next-day", Hint: "hires and leavers"}},
		Notes:   []mailcatcher.Note{{Title: "Try", Commands: []string{"usher sync preview demo"}}},
		State:   func() []string { return []string{"Anna & Bo were hired"} },
	})
	if _, body := get(t, h, "/"); !strings.Contains(body, "Nothing yet") {
		t.Error("the empty list does not say so")
	}
	if err := post(c, "anna@example.org"); err != nil {
		t.Fatal(err)
	}
	_, list := get(t, h, "/")
	for _, want := range []string{
		"usher demo &lt;mails&gt;", `href="mail/1"`, "Più caffè", "anna@example.org", `action="/demo/next-day"`,
		"usher sync preview demo", "Anna &amp; Bo were hired",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("the list lacks %s", want)
		}
	}
	_, mail := get(t, h, "/mail/1")
	for _, want := range []string{
		`src="1/html" sandbox="allow-popups allow-popups-to-escape-sandbox"`, "X-Order", "&lt;now&gt;",
		`<a href="https://people.example.com/setup/x?a=1&amp;b=2" target="_blank"`,
	} {
		if !strings.Contains(mail, want) {
			t.Errorf("the mail's page lacks %s", want)
		}
	}
	res, html := get(t, h, "/mail/1/html")
	if !strings.HasPrefix(html, `<!doctype html><html><head><base target="_blank">`) {
		t.Errorf("links do not open in a new tab: %.80s", html)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox allow-popups") || strings.Contains(csp, "allow-scripts") {
		t.Errorf("policy %q", csp)
	}
	if _, raw := get(t, h, "/mail/1/raw"); !strings.Contains(raw, "Subject: =?utf-8?q?") {
		t.Error("the raw message was changed")
	}
	for _, path := range []string{"/mail/2", "/mail/x", "/mail/2/html", "/nothing"} {
		if res, _ := get(t, h, path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

func TestBrokenMessageIsKept(t *testing.T) {
	c := start(t, mailcatcher.Options{})
	raw := "Content-Type: multipart/mixed; boundary=\r\n\r\nrubbish"
	if err := smtp.SendMail(c.Addr(), nil, "h@example.com", []string{"a@example.org"}, []byte(raw)); err != nil {
		t.Fatal(err)
	}
	if got := c.Messages(); len(got) != 1 || !strings.Contains(string(got[0].Raw), "rubbish") {
		t.Errorf("%+v", got)
	}
	if res, _ := get(t, c.Handler(mailcatcher.Page{}), "/mail/1"); res.StatusCode != http.StatusOK {
		t.Errorf("its page: %d", res.StatusCode)
	}
}
