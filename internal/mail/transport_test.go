package mail_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/mail"
	"github.com/usherd/usher/internal/mailcatcher"
)

func TestMailAsItArrives(t *testing.T) {
	c := start(t, mailcatcher.Options{})
	tr := transport(t, c)
	outs := send(t.Context(), t, tr, outgoing(t, "anna@example.org", "bo@bücher.example"))
	for i, o := range outs {
		if o.Status != mail.Delivered || o.Code != 250 || !strings.Contains(o.Text.String(), "queued") {
			t.Errorf("mail %d: %+v", i, o)
		}
	}
	got := c.Messages()
	m := got[0]
	for name, want := range map[string]string{
		"From":                     `"Acme Helpdesk" <helpdesk@example.com>`,
		"To":                       "<anna@example.org>",
		"Date":                     "Sun, 01 Mar 2026 08:05:00 +0000",
		"Message-ID":               "<setup-1@people.example.com>",
		"Auto-Submitted":           "auto-generated",
		"X-Auto-Response-Suppress": "All",
		"Content-Language":         "ru",
	} {
		if m.Header(name) != want {
			t.Errorf("%s: %q, want %q", name, m.Header(name), want)
		}
	}
	for _, h := range m.Headers {
		if strings.HasPrefix(h.Name, "List-") || h.Name == "X-Mailer" || h.Name == "User-Agent" {
			t.Errorf("header %s: %s", h.Name, h.Value)
		}
	}
	want := outgoing(t, "")[0]
	if m.Subject != want.Subject || strings.ReplaceAll(m.Text, "\r\n", "\n") != want.Text || m.HTML == "" || m.Problem != "" {
		t.Errorf("message was changed on the way: %q %q", m.Subject, m.Text)
	}
	if to := got[1].To[0]; to != "bo@xn--bcher-kva.example" {
		t.Errorf("international domain went as %q", to)
	}
	if c.Connections() != 1 {
		t.Errorf("%d connections", c.Connections())
	}
}

// The same mail is the same bytes, so that a repeated one can be told.
func TestMailIsDeterministic(t *testing.T) {
	c := start(t, mailcatcher.Options{})
	tr := transport(t, c)
	for range 2 {
		send(t.Context(), t, tr, outgoing(t, "anna@example.org"))
	}
	got := c.Messages()
	if len(got) != 2 || string(got[0].Raw) != string(got[1].Raw) {
		t.Errorf("two sendings differ:\n%s\n%s", got[0].Raw, got[1].Raw)
	}
}

func TestEncryptionAndSignIn(t *testing.T) {
	tlsServer, ca := certificate(t)
	type row struct {
		name   string
		server mail.Server
		opts   mailcatcher.Options
		want   mail.Status
		secure bool
		text   string
	}
	auth := mailcatcher.Options{User: "usher", Password: "p:w/d"}
	withTLS := func(o mailcatcher.Options, implicit bool) mailcatcher.Options {
		o.TLS, o.ImplicitTLS = tlsServer, implicit
		return o
	}
	for _, tc := range []row{
		{name: "STARTTLS taken where offered", server: mail.Server{StartTLS: mail.StartTLSOptional, TLS: ca},
			opts: withTLS(mailcatcher.Options{}, false), want: mail.Delivered, secure: true},
		{name: "STARTTLS required", server: mail.Server{StartTLS: mail.StartTLSRequired, TLS: ca},
			opts: withTLS(mailcatcher.Options{}, false), want: mail.Delivered, secure: true},
		{name: "STARTTLS required, not offered", server: mail.Server{StartTLS: mail.StartTLSRequired},
			want: mail.NotTried, text: "STARTTLS"},
		{name: "STARTTLS declined", server: mail.Server{StartTLS: mail.StartTLSNever},
			opts: withTLS(mailcatcher.Options{}, false), want: mail.Delivered},
		{name: "unknown authority", server: mail.Server{StartTLS: mail.StartTLSOptional},
			opts: withTLS(mailcatcher.Options{}, false), want: mail.NotTried, text: "certificate"},
		{name: "implicit TLS", server: mail.Server{ImplicitTLS: true, TLS: ca},
			opts: withTLS(mailcatcher.Options{}, true), want: mail.Delivered, secure: true},
		{name: "implicit TLS, unknown authority", server: mail.Server{ImplicitTLS: true},
			opts: withTLS(mailcatcher.Options{}, true), want: mail.NotTried, text: "certificate"},
		{name: "sign-in over STARTTLS", server: mail.Server{StartTLS: mail.StartTLSRequired, User: "usher", Password: "p:w/d", TLS: ca},
			opts: withTLS(auth, false), want: mail.Delivered, secure: true},
		{name: "sign-in over implicit TLS", server: mail.Server{ImplicitTLS: true, User: "usher", Password: "p:w/d", TLS: ca},
			opts: withTLS(auth, true), want: mail.Delivered, secure: true},
		{name: "wrong password", server: mail.Server{ImplicitTLS: true, User: "usher", Password: "nonsense", TLS: ca},
			opts: withTLS(auth, true), want: mail.NotTried, text: "turned us away: 5.7.8 Authentication failed"},
		{name: "password never in the clear", server: mail.Server{StartTLS: mail.StartTLSOptional, User: "usher", Password: "p:w/d"},
			opts: auth, want: mail.NotTried, text: "keeps the password secret"},
		{name: "password in the clear on this machine when asked for", server: mail.Server{StartTLS: mail.StartTLSNever, User: "usher", Password: "p:w/d"},
			opts: auth, want: mail.Delivered},
		{name: "sign-in forgotten", server: mail.Server{StartTLS: mail.StartTLSOptional}, opts: auth,
			want: mail.Temporary, text: "does not take mail from our sender address: 5.7.0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := start(t, tc.opts)
			o := send(t.Context(), t, transportTo(t, c, tc.server), outgoing(t, "anna@example.org"))[0]
			if o.Status != tc.want || !strings.Contains(o.Text.String(), tc.text) {
				t.Fatalf("%v %+v, want %v", o.Status, o, tc.want)
			}
			if strings.Contains(o.Text.String(), "p:w") || strings.Contains(o.Text.String(), "nonsense") {
				t.Errorf("the text holds the password: %s", o.Text)
			}
			got := c.Messages()
			if (tc.want == mail.Delivered) != (len(got) == 1) {
				t.Fatalf("%d messages arrived", len(got))
			}
			if len(got) == 1 && (got[0].TLS != tc.secure || got[0].User != tc.opts.User) {
				t.Errorf("encrypted %v, signed in as %q", got[0].TLS, got[0].User)
			}
		})
	}
}

func TestWhatAnswersMean(t *testing.T) {
	reply := func(code int, enhanced [3]int, text string) mailcatcher.Action {
		return mailcatcher.Action{Code: code, Enhanced: enhanced, Text: text}
	}
	for _, tc := range []struct {
		name   string
		stage  mailcatcher.Stage
		action mailcatcher.Action
		want   mail.Status
		code   int
	}{
		{"no such user", mailcatcher.StageRcpt, reply(550, [3]int{5, 1, 1}, "No such user"), mail.Refused, 550},
		{"mailbox disabled", mailcatcher.StageRcpt, reply(550, [3]int{5, 2, 1}, "Disabled"), mail.Refused, 550},
		{"bad syntax of the person's address", mailcatcher.StageRcpt, reply(501, [3]int{5, 1, 3}, "Bad address"), mail.Refused, 501},
		{"unknown at a cloud", mailcatcher.StageRcpt, reply(550, [3]int{5, 4, 1}, "Access denied"), mail.Refused, 550},
		{"greylisted", mailcatcher.StageRcpt, reply(451, [3]int{4, 7, 1}, "Try later"), mail.Temporary, 451},
		{"mailbox full", mailcatcher.StageRcpt, reply(452, [3]int{4, 2, 2}, "Full"), mail.Temporary, 452},
		{"relaying denied", mailcatcher.StageRcpt, reply(554, [3]int{5, 7, 1}, "Relay access denied"), mail.Temporary, 554},
		{"sign-in required", mailcatcher.StageRcpt, reply(530, [3]int{5, 7, 0}, "Authenticate"), mail.Temporary, 530},
		{"protocol error", mailcatcher.StageRcpt, reply(503, [3]int{5, 5, 1}, "Bad sequence"), mail.Temporary, 503},
		{"content too big", mailcatcher.StageData, reply(552, [3]int{5, 3, 4}, "Too big"), mail.Refused, 552},
		{"content put off", mailcatcher.StageData, reply(451, [3]int{4, 3, 0}, "Busy"), mail.Temporary, 451},
		{"sender refused", mailcatcher.StageMail, reply(550, [3]int{5, 1, 8}, "Who are you"), mail.Temporary, 550},
		{"answer lost", mailcatcher.StageData, mailcatcher.Action{Hangup: true, Keep: true}, mail.Temporary, 0},
		{"closing", mailcatcher.StageRcpt, mailcatcher.Action{Code: 421, Enhanced: [3]int{4, 3, 2}, Hangup: true}, mail.Temporary, 421},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := start(t, mailcatcher.Options{Script: func(s mailcatcher.Step) mailcatcher.Action {
				if s.Stage == tc.stage && s.Conn == 1 && (s.To == "bad@example.org" || s.Stage == mailcatcher.StageMail) {
					return tc.action
				}
				return mailcatcher.Action{}
			}})
			tr := transport(t, c)
			outs := send(t.Context(), t, tr, outgoing(t, "bad@example.org", "good@example.org"))
			if o := outs[0]; o.Status != tc.want || o.Code != tc.code {
				t.Errorf("%v %+v, want %v", o.Status, o, tc.want)
			}
			if outs[1].Status != mail.Delivered {
				t.Errorf("the next mail: %v %+v", outs[1].Status, outs[1])
			}
		})
	}
}

// A dropped connection costs the mail on it one attempt and the others nothing.
func TestDroppedConnections(t *testing.T) {
	people := []string{"a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"}
	for _, tc := range []struct {
		name  string
		drop  func(mailcatcher.Step) bool
		want  []mail.Status
		conns int
	}{
		{"once", func(s mailcatcher.Step) bool { return s.To == "b@x.example" && s.Stage == mailcatcher.StageRcpt },
			[]mail.Status{mail.Delivered, mail.Temporary, mail.Delivered, mail.Delivered, mail.Delivered}, 2},
		{"on the first mail", func(s mailcatcher.Step) bool { return s.To == "a@x.example" },
			[]mail.Status{mail.Temporary, mail.Delivered, mail.Delivered, mail.Delivered, mail.Delivered}, 2},
		{"always", func(s mailcatcher.Step) bool { return s.Stage == mailcatcher.StageData },
			[]mail.Status{mail.Temporary, mail.Temporary, mail.NotTried, mail.NotTried, mail.NotTried}, 2},
		{"at the greeting", func(s mailcatcher.Step) bool { return s.Stage == mailcatcher.StageHello },
			[]mail.Status{mail.NotTried, mail.NotTried, mail.NotTried, mail.NotTried, mail.NotTried}, 1},
		{"at the sender", func(s mailcatcher.Step) bool {
			return s.Stage == mailcatcher.StageMail && strings.HasPrefix(s.From, "helpdesk") && s.Conn == 1
		}, []mail.Status{mail.Temporary, mail.Delivered, mail.Delivered, mail.Delivered, mail.Delivered}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := start(t, mailcatcher.Options{Script: func(s mailcatcher.Step) mailcatcher.Action {
				return mailcatcher.Action{Hangup: tc.drop(s)}
			}})
			outs := send(t.Context(), t, transport(t, c), outgoing(t, people...))
			var got []mail.Status
			for _, o := range outs {
				got = append(got, o.Status)
				if o.Status != mail.Delivered && o.Text == "" {
					t.Error("an outcome without a reason")
				}
			}
			if !slices.Equal(got, tc.want) || c.Connections() != tc.conns {
				t.Errorf("%v over %d connections, want %v over %d", got, c.Connections(), tc.want, tc.conns)
			}
		})
	}
}

func TestUnreachableServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	from, _ := mail.ParseFrom("helpdesk@example.com")
	outs := send(t.Context(), t, mail.NewTransport(at(t, addr), from, 0), outgoing(t, "a@x.example", "b@x.example"))
	for _, o := range outs {
		if o.Status != mail.NotTried || !strings.Contains(o.Text.String(), "cannot be reached: connect: connection refused") {
			t.Errorf("%v %+v", o.Status, o)
		}
	}
}

func TestSilentServerRunsIntoTheTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // accepts by the kernel, never greets
	from, _ := mail.ParseFrom("helpdesk@example.com")
	o := send(t.Context(), t, mail.NewTransport(at(t, l.Addr().String()), from, 50_000_000), outgoing(t, "a@x.example"))[0]
	if o.Status != mail.NotTried || !strings.Contains(o.Text.String(), "in time") {
		t.Errorf("%v %+v", o.Status, o)
	}
}

func TestStopInTheMiddle(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := start(t, mailcatcher.Options{Script: func(s mailcatcher.Step) mailcatcher.Action {
		if s.Stage == mailcatcher.StageData && s.To == "b@x.example" {
			cancel()
		}
		return mailcatcher.Action{}
	}})
	outs := send(ctx, t, transport(t, c), outgoing(t, "a@x.example", "b@x.example", "c@x.example"))
	want := []mail.Status{mail.Delivered, mail.Delivered, mail.NotTried}
	for i, o := range outs {
		if o.Status != want[i] {
			t.Errorf("mail %d: %v, want %v", i, o.Status, want[i])
		}
	}
}

func TestStaleIdleConnectionIsReplaced(t *testing.T) {
	c := start(t, mailcatcher.Options{})
	tr := transport(t, c)
	for round := range 3 {
		outs := send(t.Context(), t, tr, outgoing(t, "a@x.example"))
		if outs[0].Status != mail.Delivered || c.Connections() != 1+round/2 {
			t.Errorf("round %d: %+v over %d connections", round, outs[0], c.Connections())
		}
		if round == 1 {
			c.DropConnections()
		}
	}
}

func TestInternationalAddresses(t *testing.T) {
	for _, tc := range []struct {
		to   string
		utf8 bool
		want mail.Status
		sent string
	}{
		{"пётр@пример.example", false, mail.Refused, ""},
		{"пётр@пример.example", true, mail.Delivered, "пётр@xn--e1afmkfd.example"},
		{"petr@пример.example", false, mail.Delivered, "petr@xn--e1afmkfd.example"},
		{"not an address", false, mail.Refused, ""},
		{"a@x.example\r\nRCPT TO:<b@x.example>", false, mail.Refused, ""},
		{"Anna <a@x.example>", false, mail.Refused, ""},
		{"a@-.example", false, mail.Refused, ""},
	} {
		c := start(t, mailcatcher.Options{SMTPUTF8: tc.utf8})
		o := send(t.Context(), t, transport(t, c), outgoing(t, tc.to))[0]
		if o.Status != tc.want || (o.Status == mail.Refused && o.Text == "") {
			t.Errorf("%q: %v %+v, want %v", tc.to, o.Status, o, tc.want)
		}
		if got := c.Messages(); tc.sent != "" && got[0].To[0] != tc.sent {
			t.Errorf("%q went to %q", tc.to, got[0].To[0])
		}
	}
}

func FuzzRecipient(f *testing.F) {
	for _, s := range []string{"a@b.c", "\"q s\"@b.c", "a@[127.0.0.1]", "é@è.fr", "a@b\r\nDATA", "<a@b>", "@", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, to string) {
		if wire, ok := mail.WireAddress(to); ok && strings.ContainsAny(wire, "\r\n\x00") {
			t.Errorf("%q becomes %q", to, wire)
		}
	})
}
