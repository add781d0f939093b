package intake

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/address"
	"github.com/usherd/usher/internal/registry"
)

// office is a registry and a memory of messages.
type office struct {
	mu    sync.Mutex
	users map[string]*registry.User
	met   []registry.Encounter
	notes map[string]registry.IntakeMessage
	fail  error
}

func (o *office) Recognise(_ context.Context, _ registry.CompanyID, _ registry.OriginKind, e registry.Encounter) (registry.Met, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return registry.Met{}, o.fail
	}
	o.met = append(o.met, e)
	key := e.Email + e.TeamsTenant + e.TeamsObject
	u, known := o.users[key]
	if !known {
		u = &registry.User{ID: registry.UserID(len(o.users) + 1), PublicID: fmt.Sprint(len(o.users) + 1), Association: registry.Weak}
		o.users[key] = u
	}
	return registry.Met{User: u, New: !known}, nil
}

func (o *office) EnsureOrigin(context.Context, registry.OriginKind, string) (registry.Origin, error) {
	return registry.Origin{ID: 1}, nil
}

func (o *office) IntakeMessage(_ context.Context, _ registry.OriginID, key string) (registry.IntakeMessage, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m, ok := o.notes[key]
	if !ok {
		return m, registry.ErrNotFound
	}
	return m, nil
}

func (o *office) NoteIntake(_ context.Context, m registry.IntakeMessage) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.notes[m.Key]; !ok {
		o.notes[m.Key] = m
	}
	return nil
}

func newOffice() *office {
	return &office{users: map[string]*registry.User{}, notes: map[string]registry.IntakeMessage{}}
}

func newMailroom(t testing.TB, o *office, change func(*Settings)) *Mailroom {
	t.Helper()
	s := Settings{
		Recipients: map[string]string{"help@acme.example": "acme", "support@acme.example": "acme"}, AuthServers: []string{"mx.acme.example"},
		Idless: []string{"support@acme.example"}, Own: []string{"noreply-help@people.acme.example"}, OwnDomains: []string{"desk.acme.example"},
		Forwarders: []string{"list@groups.acme.example"}, Sender: DefaultSender(), Thread: DefaultThread(),
	}
	if change != nil {
		change(&s)
	}
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	m, err := NewMailroom(o, func(registry.CompanyID) Notes { return o }, s, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func receive(t testing.TB, m *Mailroom, mailbox string, raw []byte, returnPath *string) Answer {
	t.Helper()
	l, err := Read(bytes.NewReader(raw), returnPath)
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Receive(context.Background(), 1, mailbox, l)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestCorpus: what each message under testdata/corpus makes, as corpus.tsv says.
func TestCorpus(t *testing.T) {
	table, err := os.ReadFile("testdata/corpus.tsv")
	if err != nil {
		t.Fatal(err)
	}
	listed := 0
	for line := range strings.Lines(string(table)) {
		c := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || len(c) != 6 {
			continue
		}
		listed++
		t.Run(c[0], func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata/corpus", c[0]+".eml"))
			if err != nil {
				t.Fatal(err)
			}
			mailbox := "help@acme.example"
			if bytes.Contains(raw, []byte("\nTo: support@")) {
				mailbox = "support@acme.example"
			}
			o := newOffice()
			a := receive(t, newMailroom(t, o, nil), mailbox, raw, nil)
			if c[1] != "person" {
				if string(a.Outcome) != c[1] || len(o.met) != 0 || a.ID != "" {
					t.Errorf("it is %s and met %+v; want %s and nobody", a.Outcome, o.met, c[1])
				}
				if _, explained := registry.ReasonOf(c[1]); !explained {
					t.Errorf("registry.Reasons does not explain %s", c[1])
				}
				return
			}
			if a.Outcome != New || len(o.met) != 1 {
				t.Fatalf("it is %s and met %+v", a.Outcome, o.met)
			}
			got := []string{a.Sender, o.met[0].Claim, string(a.Verdict)}
			if want := c[2:5]; strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("it is from %q, want %q (%s)", got, want, c[5])
			}
			if o.met[0].Verified != (c[4] == "verified") {
				t.Errorf("verified: %v", o.met[0].Verified)
			}
			again := receive(t, newMailroom(t, o, nil), mailbox, raw, nil)
			if again.Outcome != Known || again.ID != a.ID || !again.New {
				t.Errorf("the same message again is %+v", again)
			}
		})
	}
	files, err := filepath.Glob("testdata/corpus/*.eml")
	if err != nil || len(files) != listed || listed < 60 {
		t.Errorf("%d messages and %d lines, %v", len(files), listed, err)
	}
}

func TestEndlessHeader(t *testing.T) {
	raw := append([]byte("X-Pad: "), bytes.Repeat([]byte("a"), maxHeader)...)
	o := newOffice()
	if a := receive(t, newMailroom(t, o, nil), "", append(raw, "\r\nFrom: a@b.example\r\n\r\n"...), nil); a.Outcome != Unreadable {
		t.Errorf("it is %+v", a)
	}
}

func letterFrom(who, id string, more ...string) []byte {
	return []byte("From: " + who + "\r\nMessage-ID: <" + id + ">\r\n" + strings.Join(append(more, ""), "\r\n") + "\r\nHi\r\n")
}

// TestCeilings: two systems that answer each other come to an end, and others are
// not silenced by it.
func TestCeilings(t *testing.T) {
	o := newOffice()
	m := newMailroom(t, o, nil)
	count := func(who string, more ...string) map[Code]int {
		out := map[Code]int{}
		for i := range 100 {
			out[receive(t, m, "", letterFrom(who, fmt.Sprint(who, len(more), i), more...), nil).Outcome]++
		}
		return out
	}
	loop := count("other@desk.example", "References: <1@desk.example>")
	if loop[ThreadTooLong] == 0 || loop[New] != 1 || loop[Known] != DefaultThread().Burst-1 {
		t.Errorf("a thread: %v", loop)
	}
	if flood := count("flood@desk.example"); flood[TooMany] != 100-DefaultSender().Burst {
		t.Errorf("a sender: %v", flood)
	}
	if a := receive(t, m, "", letterFrom("claire@myorg.example", "x"), nil); a.Outcome != New {
		t.Errorf("somebody else: %+v", a)
	}
}

// TestQuotedID: nobody has another's answer by quoting a Message-ID.
func TestQuotedID(t *testing.T) {
	o := newOffice()
	m := newMailroom(t, o, nil)
	first := receive(t, m, "", letterFrom("claire@myorg.example", "x"), nil)
	if a := receive(t, m, "", letterFrom("eve@evil.example", "x"), nil); a.ID == first.ID || a.Outcome != New {
		t.Errorf("eve is %+v", a)
	}
	bounced := ""
	if a := receive(t, m, "", letterFrom("bob@myorg.example", "y"), &bounced); a.Outcome != NullReturnPath {
		t.Errorf("an empty envelope is %+v", a)
	}
}

// FuzzMessage: whatever comes, it is read to its end, and who it is from is an
// address that reads the same again.
func FuzzMessage(f *testing.F) {
	files, _ := filepath.Glob("testdata/corpus/*.eml")
	for _, name := range files {
		if raw, err := os.ReadFile(name); err == nil {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		o := newOffice()
		a := receive(t, newMailroom(t, o, nil), "support@acme.example", raw, nil)
		if len(o.met) == 0 {
			return
		}
		e := o.met[0]
		read, err := address.Parse(a.Sender)
		typed, err2 := address.Parse(e.Email)
		if err != nil || err2 != nil || read.Key() != typed.Key() {
			t.Errorf("met %q, which is %q: %v, %v", e.Email, a.Sender, err, err2)
		}
		if strings.ContainsAny(e.Claim, "\r\n\x00") || registry.CleanClaim(e.Claim) != e.Claim {
			t.Errorf("claim %q", e.Claim)
		}
	})
}

func FuzzResults(f *testing.F) {
	f.Add(`mx.acme.example; spf=pass (a "b) c) smtp.mailfrom="x;y"@z`)
	f.Fuzz(func(t *testing.T, value string) {
		if plain, ok := withoutComments(value); ok && strings.ContainsAny(plain, "()") && !strings.Contains(value, ")") {
			t.Errorf("%q is %q", value, plain)
		}
		_, _, _ = parseResults(value)
	})
}
