package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// runDoc is a run as JSON shows it. Its field names are a contract.
type runDoc struct {
	Run          int64            `json:"run"`
	ID           string           `json:"id"`
	Source       string           `json:"source"`
	Mode         string           `json:"mode"`
	Trigger      string           `json:"trigger"`
	Actor        string           `json:"actor,omitempty"`
	State        string           `json:"state"`
	Complete     bool             `json:"complete"`
	Full         bool             `json:"full"`
	Counts       registry.Counts  `json:"counts"`
	Limits       []registry.Limit `json:"limits,omitempty"`
	PlanHash     string           `json:"plan_hash,omitempty"`
	Code         string           `json:"code,omitempty"`
	Message      string           `json:"message,omitempty"`
	Notes        []string         `json:"notes,omitempty"`
	DecidedBy    string           `json:"decided_by,omitempty"`
	DecisionNote string           `json:"decision_note,omitempty"`
	StartedAt    time.Time        `json:"started_at"`
	FinishedAt   *time.Time       `json:"finished_at,omitempty"`
}

func toRunDoc(r *registry.Run) runDoc {
	d := runDoc{
		Run: r.Number, ID: r.PublicID, Source: r.SourceKey, Mode: r.Mode, Trigger: r.Trigger, Actor: r.Actor, State: string(r.State),
		Complete: r.Complete, Full: r.Full, Counts: r.Counts, Limits: registry.InEnglish(r.Limits), PlanHash: r.PlanHash, Code: r.Code, Message: r.Message.String(), Notes: registry.English(r.Notes),
		DecidedBy: r.DecidedBy, DecisionNote: r.DecisionNote, StartedAt: r.StartedAt,
	}
	if !r.FinishedAt.IsZero() {
		d.FinishedAt = &r.FinishedAt
	}
	return d
}

// rowDoc is a row of a report as JSON shows it: an item, or a change that was
// made.
type rowDoc struct {
	Outcome string              `json:"outcome"`
	Action  string              `json:"action,omitempty"`
	Kind    string              `json:"kind"`
	Name    string              `json:"name"`
	Code    string              `json:"code,omitempty"`
	Message string              `json:"message,omitempty"`
	Anchor  string              `json:"anchor,omitempty"`
	Before  registry.Attributes `json:"before,omitempty"`
	After   registry.Attributes `json:"after,omitempty"`
	Added   int                 `json:"members_added,omitempty"`
	Removed int                 `json:"members_removed,omitempty"`
	Kept    int                 `json:"members_kept,omitempty"`
	At      time.Time           `json:"at"`
	// ChangeID is the change's own number, RequestID the request that made it.
	ChangeID  int64  `json:"change_id,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

func itemRow(it registry.RunItem) rowDoc {
	d := rowDoc{
		Outcome: string(it.Outcome), Action: string(it.Action), Kind: it.Kind(), Name: it.Name, Code: string(it.Code),
		Message: it.Message.String(), Anchor: it.Anchor, At: it.At,
	}
	if p := it.Detail; p != nil {
		d.Before, d.After, d.Added, d.Removed, d.Kept = p.Before, p.After, p.Added, p.Removed, p.Kept
	}
	return d
}

func changeRow(c registry.Change, name string) rowDoc {
	p := c.Payload
	return rowDoc{
		Outcome: "changed", Action: string(c.Action), Kind: kindOf(c), Name: name, Code: c.Reason,
		Before: p.Before, After: p.After, Added: p.Added, Removed: p.Removed, Kept: p.Kept, At: c.At, ChangeID: c.ID, RequestID: p.Request,
	}
}

// kindOf is what a change is about.
func kindOf(c registry.Change) string {
	return (&registry.RunItem{User: c.User, Group: c.Group}).Kind()
}

// report prints a run and its rows. JSON and CSV are streamed and whole; the
// table shows the first rows of each kind.
func (f *flags) report(ctx context.Context, w io.Writer, core *app.Core, r *registry.Run, all bool) error {
	rows := func(fn func(rowDoc) error) error {
		ledger := core.Store.For(r.Company)
		if err := ledger.Items(ctx, r.ID, func(it registry.RunItem) error { return fn(itemRow(it)) }); err != nil {
			return err
		}
		return ledger.ChangesOf(ctx, r.ID, func(c registry.Change, name string) error { return fn(changeRow(c, name)) })
	}
	switch f.output {
	case "json":
		return jsonReport(w, toRunDoc(r), rows)
	case "csv":
		return csvReport(w, rows)
	}
	t := &tableReport{w: w, p: f.paint(w), all: all, run: r}
	if err := rows(t.row); err != nil {
		return err
	}
	if r.Mode != registry.ModePreview && !core.Served(ctx) {
		var err error
		if t.waiting, err = core.WaitingMails(ctx, r.Company); err != nil {
			return err
		}
	}
	return t.end()
}

// jsonReport writes one document without holding its rows.
func jsonReport(w io.Writer, run runDoc, rows func(func(rowDoc) error) error) error {
	head, err := compactJSON(run)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "{\"run\":%s,\"rows\":[", head); err != nil {
		return err
	}
	sep := "\n"
	err = rows(func(d rowDoc) error {
		doc, err := compactJSON(d)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s%s", sep, doc)
		sep = ",\n"
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, "\n]}")
	return err
}

// csvReport writes the rows as they come, values before and after in one cell.
func csvReport(w io.Writer, rows func(func(rowDoc) error) error) error {
	c := csv.NewWriter(w)
	if err := c.Write([]string{"outcome", "action", "kind", "name", "code", "what", "anchor", "at", "change_id"}); err != nil {
		return err
	}
	err := rows(func(d rowDoc) error {
		return c.Write(inert([]string{d.Outcome, d.Action, d.Kind, d.Name, d.Code, what(d), d.Anchor, d.At.UTC().Format(time.RFC3339), number(d.ChangeID)}))
	})
	c.Flush()
	return errors.Join(err, c.Error())
}

// number is a number, or nothing where there is none.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// reasons are why somebody was switched off or removed, in words.
func reasons(code string) string {
	return map[string]string{
		"missing": "no longer in the directory", "out_of_scope": "no longer in the source's scope", "grace_over": "the grace period is over",
		"by_hand": "tied to the entry by an admin", "adopted": "made anew under another id, and taken for the same person, whose password ends",
	}[code]
}

// what says in a few words what a row is about.
func what(d rowDoc) string {
	if d.Message != "" {
		return d.Message
	}
	var parts []string
	if r := reasons(d.Code); r != "" {
		parts = append(parts, r)
	}
	names := slices.Collect(maps.Keys(d.After))
	for name := range d.Before {
		if _, ok := d.After[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if text := value(d, name); text != "" {
			parts = append(parts, text)
		}
	}
	if d.Added > 0 {
		parts = append(parts, count(d.Added, "member", "members")+" added")
	}
	if d.Removed > 0 {
		parts = append(parts, count(d.Removed, "member", "members")+" removed")
	}
	if d.Kept > 0 {
		parts = append(parts, fmt.Sprintf("%d of them stay by hand or by another source", d.Kept))
	}
	return strings.Join(parts, "; ")
}

// value says how one value changed, or "" where the rest of the row says it.
func value(d rowDoc, name string) string {
	was, is := strings.Join(d.Before[name], ", "), strings.Join(d.After[name], ", ")
	switch {
	case d.Action == string(registry.ActionCreate):
		if name == registry.AttrDisplayName || name == registry.AttrEmails || name == registry.AttrTitle {
			return strings.TrimPrefix(is, d.Name) // a group is called what it is called
		}
		return ""
	case name == "enabled" && reasons(d.Code) != "":
		return ""
	case name == "enabled":
		return map[string]string{"true": "enabled again", "false": "disabled in the directory"}[is]
	case was == "":
		return name + ": + " + is
	case is == "":
		return name + ": − " + was
	}
	return name + ": " + was + " → " + is
}

// shownRows is how many rows of a kind a table shows unless all are asked for.
const shownRows = 50

// sections are the parts of a report, the most urgent first.
var sections = []struct{ outcome, title, color string }{
	{"failed", "Failed", red},
	{"conflict", "Conflicts", red},
	{"held", "Held by the guard", yellow},
	{"warning", "Warnings", yellow},
	{"skipped", "Skipped", dim},
	{"planned", "Would change", green},
	{"changed", "Changed", green},
}

// codeColumn is where a section has the codes.
const codeColumn = 2

// tableReport prints a report for people: what matters first, the summary last.
type tableReport struct {
	w    io.Writer
	p    palette
	all  bool
	run  *registry.Run
	part map[string]*grid
	more map[string]int
	// coded are the outcomes of which a row has a code to explain.
	coded map[string]bool
	// waiting is how many mails wait because no server is running.
	waiting int64
}

func (t *tableReport) row(d rowDoc) error {
	if t.part == nil {
		t.part, t.more, t.coded = map[string]*grid{}, map[string]int{}, map[string]bool{}
	}
	g := t.part[d.Outcome]
	if g == nil {
		g = &grid{head: []string{"what", "name", "code", "details"}}
		t.part[d.Outcome] = g
	}
	if len(g.rows) >= shownRows && !t.all {
		t.more[d.Outcome]++
		return nil
	}
	action := d.Action
	switch action {
	case "":
		action = "entry"
	case string(registry.ActionMembers):
		action = "members of"
	}
	t.coded[d.Outcome] = t.coded[d.Outcome] || d.Code != ""
	g.add(strings.TrimSpace(action+" "+d.Kind), d.Name, d.Code, what(d))
	return nil
}

func (t *tableReport) end() error {
	for _, s := range sections {
		g := t.part[s.outcome]
		if g == nil {
			continue
		}
		_, _ = fmt.Fprintln(t.w, t.p.in(bold+";"+s.color, s.title))
		if !t.coded[s.outcome] {
			g.drop(codeColumn)
		}
		if err := g.table(t.w, t.p); err != nil {
			return err
		}
		if n := t.more[s.outcome]; n > 0 {
			_, _ = fmt.Fprintf(t.w, "… and %d more; --all or -o json shows them\n", n)
		}
		_, _ = fmt.Fprintln(t.w)
	}
	if t.coded["failed"] || t.coded["conflict"] || t.coded["warning"] || t.coded["skipped"] {
		_, _ = fmt.Fprintln(t.w, "`usher explain CODE` says what a code means and what to do.")
	}
	for _, n := range t.run.Notes {
		_, _ = fmt.Fprintln(t.w, "Note:", printable(n.String()))
	}
	if t.run.State == registry.RunHeld {
		_, _ = fmt.Fprintln(t.w, "Plan:", t.run.PlanHash)
	}
	_, err := fmt.Fprintln(t.w, t.summary())
	return err
}

// summary is the last line: how the run ended and what it did.
func (t *tableReport) summary() string {
	r := t.run
	head := fmt.Sprintf("%s %d of %s: %s", map[string]string{registry.ModePreview: "Preview", registry.ModeRun: "Run", registry.ModeOne: "Single run", registry.ModeRetry: "Retry"}[r.Mode], r.Number, r.SourceKey, t.p.in(stateColor(r), stateWord(r)))
	if r.Message != "" {
		head += ": " + printable(r.Message.String())
	}
	did := app.CountWords(r.Counts)
	switch {
	case did == "":
		did = "Nothing changed"
	case r.Mode == registry.ModePreview || r.State == registry.RunHeld || r.State == registry.RunRejected:
		did = "Planned: " + did
	}
	head += ". " + did + ". Took " + took(r) + "."
	if t.waiting > 0 {
		head += " " + count(t.waiting, "mail waits", "mails wait") + " for `usher serve`: no server is running."
	}
	return head
}

// stateWord is the state in words; a preview is never "held" itself.
func stateWord(r *registry.Run) string {
	switch {
	case r.Mode == registry.ModePreview && len(r.Limits) > 0:
		return "the guard would hold it"
	case r.State == registry.RunPartial && r.Mode == registry.ModePreview:
		return "done, with records that cannot be used"
	case r.State == registry.RunPartial:
		return "done, but not everything went through"
	case r.State == registry.RunHeld:
		return fmt.Sprintf("held, waiting for `usher sync approve %d` or `reject %d`, each with --note", r.Number, r.Number)
	}
	return string(r.State)
}

func stateColor(r *registry.Run) string {
	switch {
	case r.State == registry.RunFailed || r.State == registry.RunInterrupted:
		return red
	case len(r.Limits) > 0 || r.State == registry.RunPartial:
		return yellow
	}
	return green
}

// took is how long a run took.
func took(r *registry.Run) string {
	if r.FinishedAt.IsZero() {
		return "–"
	}
	d := r.FinishedAt.Sub(r.StartedAt)
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
