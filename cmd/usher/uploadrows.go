package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// uploadDoc is an upload as JSON shows it. Its field names are a contract.
type uploadDoc struct {
	ID        string                `json:"id"`
	File      string                `json:"file"`
	Format    string                `json:"format"`
	Size      int64                 `json:"size"`
	Actor     string                `json:"actor"`
	State     string                `json:"state"`
	Counts    registry.UploadCounts `json:"counts"`
	Message   string                `json:"message,omitempty"`
	CreatedAt time.Time             `json:"created_at"`
	ExpiresAt time.Time             `json:"expires_at"`
}

func toUploadDoc(u *registry.Upload) uploadDoc {
	return uploadDoc{
		ID: u.PublicID, File: u.FileName, Format: u.Format, Size: u.Size, Actor: u.Actor, State: string(u.State), Counts: u.Counts,
		Message: u.Message.String(), CreatedAt: u.CreatedAt, ExpiresAt: u.ExpiresAt,
	}
}

// uploadRowDoc is a row of a file as JSON shows it.
type uploadRowDoc struct {
	Row     int                 `json:"row"`
	Outcome string              `json:"outcome"`
	Action  string              `json:"action,omitempty"`
	Name    string              `json:"name,omitempty"`
	Code    string              `json:"code,omitempty"`
	Message string              `json:"message,omitempty"`
	Before  registry.Attributes `json:"before,omitempty"`
	After   registry.Attributes `json:"after,omitempty"`
}

// what says in a few words what a row would change, or why it does not.
func (d *uploadRowDoc) what() string {
	return what(rowDoc{Outcome: d.Outcome, Action: d.Action, Code: d.Code, Message: d.Message, Before: d.Before, After: d.After})
}

// printRows prints an upload's rows in the order of the file. JSON and CSV have
// all; the table has the first of each outcome.
func (f *flags) printRows(ctx context.Context, w io.Writer, core *app.Core, u *registry.Upload, run *registry.Run, all bool) error {
	rows := func(fn func(uploadRowDoc) error) error {
		return core.UploadRows(ctx, u, run, func(r app.UploadRow) error {
			return fn(uploadRowDoc{
				Row: r.Line, Outcome: r.Outcome, Action: string(r.Action), Name: r.Name, Code: string(r.Code), Message: r.Message.String(), Before: r.Before, After: r.After,
			})
		})
	}
	switch f.output {
	case "json":
		return jsonUpload(w, u, run, rows)
	case "csv":
		return csvUpload(w, rows)
	}
	g, shown, left := &grid{head: []string{"row", "outcome", "name", "code", "what"}}, map[string]int{}, 0
	err := rows(func(d uploadRowDoc) error {
		if shown[d.Outcome]++; !all && (shown[d.Outcome] > shownRows || d.Outcome == registry.RowUnchanged) {
			left++
			return nil
		}
		g.add(fmt.Sprint(d.Row), d.Outcome, d.Name, d.Code, d.what())
		return nil
	})
	if err != nil {
		return err
	}
	if len(g.rows) > 0 {
		if err := g.table(w, f.paint(w)); err != nil {
			return err
		}
	}
	if left > 0 {
		if _, err := fmt.Fprintf(w, "… and %s (--all)\n", count(left, "row", "rows")); err != nil {
			return err
		}
	}
	for _, line := range uploadWords(u, run) {
		if _, err := fmt.Fprintln(w, printable(line)); err != nil {
			return err
		}
	}
	return nil
}

// uploadWords say how an upload stands and what to do next; the last line sums
// up.
func uploadWords(u *registry.Upload, run *registry.Run) []string {
	n := u.Counts
	var out []string
	if n.Failed+n.Skipped > 0 {
		out = append(out, fmt.Sprintf("The rows that failed, to be mended: usher upload failed %d > mend.csv", run.Number))
	}
	out = append(out, registry.English(run.Notes)...)
	if c := run.Counts; c.GroupsCreated+c.MembersAdded > 0 {
		out = append(out, fmt.Sprintf("Groups: %d created, %s added.", c.GroupsCreated, count(c.MembersAdded, "member", "members")))
	}
	sum := fmt.Sprintf("%s: %d created, %d updated, %d unchanged, %d skipped, %d failed.", count(n.Rows, "row", "rows"), n.Created, n.Updated, n.Unchanged, n.Skipped, n.Failed)
	switch {
	case run.Message != "" && run.State != registry.RunHeld:
		out = append(out, "Run "+fmt.Sprint(run.Number)+": "+run.Message.String())
	case run.State == registry.RunHeld:
		out = append(out, fmt.Sprintf("Held: %s. Decide by `usher sync approve %d` or `usher sync reject %d`.", run.Message, run.Number, run.Number))
	}
	if u.State == registry.UploadPreviewed {
		out = append(out, "Nothing was changed. To carry it out as it was previewed: usher upload run "+u.PublicID)
	}
	return append(out, fmt.Sprintf("Run %d of %s, %s: %s", run.Number, u.FileName, run.Mode, sum))
}

// jsonUpload writes one document without holding its rows.
func jsonUpload(w io.Writer, u *registry.Upload, run *registry.Run, rows func(func(uploadRowDoc) error) error) error {
	head, err := compactJSON(toUploadDoc(u))
	if err != nil {
		return err
	}
	doc, err := compactJSON(toRunDoc(run))
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "{\"upload\":%s,\n\"run\":%s,\n\"rows\":[", head, doc); err != nil {
		return err
	}
	sep := "\n"
	err = rows(func(d uploadRowDoc) error {
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

// csvUpload writes the rows as they come, values before and after in one cell.
func csvUpload(w io.Writer, rows func(func(uploadRowDoc) error) error) error {
	c := csv.NewWriter(w)
	if err := c.Write([]string{"row", "outcome", "action", "name", "code", "what"}); err != nil {
		return err
	}
	err := rows(func(d uploadRowDoc) error {
		return c.Write(inert([]string{fmt.Sprint(d.Row), d.Outcome, d.Action, d.Name, d.Code, d.what()}))
	})
	c.Flush()
	return errors.Join(err, c.Error())
}
