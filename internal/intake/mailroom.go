package intake

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/usherd/usher/internal/address"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// People finds who somebody is, and makes a contact of a stranger. A refusal is a
// *registry.Error.
type People interface {
	Recognise(ctx context.Context, company registry.CompanyID, door registry.OriginKind, e registry.Encounter) (registry.Met, error)
}

// Notes is what one company remembers of messages.
type Notes interface {
	EnsureOrigin(ctx context.Context, kind registry.OriginKind, key string) (registry.Origin, error)
	// IntakeMessage tells what a message made when it came before;
	// registry.ErrNotFound for a new one.
	IntakeMessage(ctx context.Context, origin registry.OriginID, key string) (registry.IntakeMessage, error)
	NoteIntake(ctx context.Context, m registry.IntakeMessage) error
}

// Settings say whose mail is taken and what is believed of it.
type Settings struct {
	// Recipients are the addresses that mail is taken for, each with the key of its
	// company.
	Recipients map[string]string
	// AuthServers are the authserv-ids whose results are believed. Idless are
	// recipients for whom the topmost field without an id is, too.
	AuthServers, Idless []string
	// Own are further addresses of ours, OwnDomains the domains that nobody but our
	// own programs writes from: in From, or on the right side of a Message-ID.
	Own, OwnDomains []string
	// Forwarders are addresses that put themselves in the place of the sender.
	Forwarders []string
	// Sender and Thread bound how many messages of one sender, and of one thread,
	// are looked at.
	Sender, Thread auth.Rate

	recipients, authServers, idless, own, ownDomains, forwarders map[string]bool
	companies                                                    map[string]string
}

// DefaultSender and DefaultThread are ceilings that no person reaches and a loop
// does: two ticket systems that answer each other without a mark.
func DefaultSender() auth.Rate { return auth.Rate{Burst: 60, Every: time.Minute} }

// DefaultThread is as DefaultSender, for one thread.
func DefaultThread() auth.Rate { return auth.Rate{Burst: 20, Every: 10 * time.Minute} }

// compile checks the settings and makes them fit to be looked up.
func (s *Settings) compile() error {
	s.recipients, s.companies = map[string]bool{}, map[string]string{}
	for typed, company := range s.Recipients {
		a, err := address.Parse(typed)
		if err != nil {
			return fmt.Errorf("recipient %q: %w", typed, err)
		}
		s.recipients[a.Key()], s.companies[a.Key()] = true, company
	}
	var err error
	addresses, domains := keyOfAddress, address.Domain
	for _, part := range []struct {
		into *map[string]bool
		from []string
		key  func(string) (string, error)
	}{{&s.idless, s.Idless, addresses}, {&s.own, s.Own, addresses}, {&s.forwarders, s.Forwarders, addresses}, {&s.ownDomains, s.OwnDomains, domains}} {
		if *part.into, err = setOf(part.from, part.key); err != nil {
			return err
		}
	}
	for key := range s.recipients {
		if !s.forwarders[key] {
			s.own[key] = true
		}
	}
	s.authServers, err = setOf(s.AuthServers, func(id string) (string, error) { return strings.ToLower(id), nil })
	return err
}

func keyOfAddress(typed string) (string, error) {
	a, err := address.Parse(typed)
	return a.Key(), err
}

func setOf(list []string, key func(string) (string, error)) (map[string]bool, error) {
	out := make(map[string]bool, len(list))
	for _, v := range list {
		k, err := key(v)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", v, err)
		}
		out[k] = true
	}
	return out, nil
}

// Mailroom takes messages and says who wrote them. It is safe for concurrent use.
type Mailroom struct {
	people   People
	notes    func(registry.CompanyID) Notes
	settings Settings
	now      func() time.Time
	log      *slog.Logger
	senders  *auth.Limiter
	threads  *auth.Limiter
}

// remembered is how many senders and threads the ceilings remember.
const remembered = 100_000

// NewMailroom makes a Mailroom; an error is about the settings.
func NewMailroom(people People, notes func(registry.CompanyID) Notes, s Settings, now func() time.Time, log *slog.Logger) (*Mailroom, error) {
	if err := s.compile(); err != nil {
		return nil, err
	}
	return &Mailroom{
		people: people, notes: notes, settings: s, now: now, log: log,
		senders: auth.NewLimiter(s.Sender, remembered, now), threads: auth.NewLimiter(s.Thread, remembered, now),
	}, nil
}

// Answer says what became of a message. Its field names are a contract.
type Answer struct {
	Outcome Code `json:"outcome"`
	// ID, Name and Strength are those of the person: strength is weak for a contact
	// and strong for an account.
	ID       string               `json:"id,omitempty"`
	Name     string               `json:"name,omitempty"`
	Strength registry.Association `json:"strength,omitempty"`
	New      bool                 `json:"new"`
	// Sender is the address the message claims to be from, Verdict what is known of
	// that.
	Sender  string  `json:"sender,omitempty"`
	Verdict Verdict `json:"verdict,omitempty"`
	// Candidates are the ids of those it could be, where that cannot be told.
	Candidates []string `json:"candidates,omitempty"`
}

// Letter is a message that was read.
type Letter struct{ letter }

// Read reads a message whole and keeps its header. The envelope is nil for a
// message that came without one.
func Read(r io.Reader, returnPath *string) (*Letter, error) {
	buffered := bufio.NewReader(r)
	h, err := readHeader(buffered)
	l := &Letter{letter{header: h}}
	if errors.Is(err, errHeaderTooLong) {
		l.code, err = Unreadable, nil
	}
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, buffered); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	if returnPath != nil {
		l.returnPath, l.returnPathKnown = *returnPath, true
	}
	sum := sha256.New()
	for _, name := range []string{"from", "to", "date", "subject"} {
		_, _ = fmt.Fprintf(sum, "%q\n", h.all(name)) // a hash takes everything
	}
	l.hash = hex.EncodeToString(sum.Sum(nil))
	return l, nil
}

// Receive finds out who wrote a message to a company. The mailbox is the recipient
// it came for, "" where that is not known. An error is ours and passes: the same
// message may come again.
func (m *Mailroom) Receive(ctx context.Context, company registry.CompanyID, mailbox string, read *Letter) (Answer, error) {
	l := read.letter
	if l.code == "" {
		l.from, l.code = findSender(l.header, m.settings.forwarders)
	}
	if code := l.refused(&m.settings); code != "" {
		return Answer{Outcome: code, Sender: l.from.Typed}, m.noteNobody(ctx, company, &l, code)
	}
	if key, err := keyOfAddress(mailbox); err == nil {
		mailbox = key
	}
	a := Answer{Sender: l.from.String(), Verdict: judge(&l, &m.settings, mailbox)}
	notes := m.notes(company)
	door, err := notes.EnsureOrigin(ctx, registry.OriginMail, string(registry.OriginMail))
	if err != nil {
		return a, err
	}
	was, err := notes.IntakeMessage(ctx, door.ID, l.key())
	again := err == nil
	switch {
	case err != nil && !errors.Is(err, registry.ErrNotFound):
		return a, err
	case !again:
		if a.Outcome = m.ceiling(company, &l); a.Outcome != "" {
			// A row for each would be the loop's work too.
			m.log.WarnContext(ctx, "too many messages of one sender", "why", string(a.Outcome))
			return a, nil
		}
	}
	met, err := m.people.Recognise(ctx, company, registry.OriginMail, registry.Encounter{
		Email: l.from.Typed, Claim: l.from.claim, Verified: a.Verdict == Verified, Actor: "mail",
	})
	if err != nil && !isRefusal(err) {
		return a, err
	}
	a.fill(met, err)
	if again {
		a.New = was.Created && met.User != nil && was.User == met.User.ID
		return a, nil
	}
	note := registry.IntakeMessage{
		Origin: door.ID, Key: l.key(), Sender: a.Sender, Created: met.New, Outcome: string(a.Outcome), Verdict: string(a.Verdict), At: m.now(),
	}
	if met.User != nil {
		note.User = met.User.ID
	}
	return a, notes.NoteIntake(ctx, note)
}

func isRefusal(err error) bool { return registry.CodeOf(err) != "" }

// fill enters who was met.
func (a *Answer) fill(met registry.Met, err error) {
	switch {
	case registry.CodeOf(err) == registry.CodeAmbiguous:
		a.Outcome = Ambiguous
	case err != nil:
		a.Outcome = BadSender
	case met.New:
		a.Outcome = New
	default:
		a.Outcome = Known
	}
	for _, c := range met.Candidates {
		a.Candidates = append(a.Candidates, c.PublicID)
	}
	if met.User != nil {
		a.ID, a.Name, a.Strength, a.New = met.User.PublicID, met.User.DisplayName(), met.User.Association, met.New
	}
}

// key is what makes a message the same when it comes again: its id and its
// sender, so that nobody's answer is had by quoting an id.
func (l *letter) key() string {
	id := l.hash
	if ids := messageIDs(l.header.first("message-id")); len(ids) > 0 {
		id = ids[0]
	}
	sum := sha256.Sum256([]byte(l.from.Key() + "\n" + id))
	return hex.EncodeToString(sum[:])
}

// ceiling spends a message of the sender's and of the thread's.
func (m *Mailroom) ceiling(company registry.CompanyID, l *letter) Code {
	who := fmt.Sprint(company) + " " + l.from.Key()
	if m.senders.Take(who) > 0 {
		return TooMany
	}
	for _, name := range []string{"references", "in-reply-to"} {
		if ids := messageIDs(l.header.first(name)); len(ids) > 0 {
			if m.threads.Take(who+" "+ids[0]) > 0 {
				return ThreadTooLong
			}
			break
		}
	}
	return ""
}

// noteNobody writes down a message that made nobody: without it nobody could say
// why. Robots are many and their rows go with the retention.
func (m *Mailroom) noteNobody(ctx context.Context, company registry.CompanyID, l *letter, code Code) error {
	m.log.DebugContext(ctx, "message makes nobody", "why", string(code))
	notes := m.notes(company)
	door, err := notes.EnsureOrigin(ctx, registry.OriginMail, string(registry.OriginMail))
	if err != nil {
		return err
	}
	at := registry.Printable(l.from.Typed)
	return notes.NoteIntake(ctx, registry.IntakeMessage{Origin: door.ID, Key: l.key(), Sender: at, Outcome: string(code), At: m.now()})
}
