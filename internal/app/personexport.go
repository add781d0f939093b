package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// exportedPerson is the head of an export. Its field names are a contract.
type exportedPerson struct {
	ID           string          `json:"id"`
	UserName     string          `json:"user_name"`
	State        string          `json:"state"`
	Kind         string          `json:"kind"`
	Association  string          `json:"association"`
	Credential   string          `json:"credential"`
	Blocks       string          `json:"blocks,omitempty"`
	CompanyAdmin bool            `json:"company_admin"`
	Rights       string          `json:"rights,omitempty"`
	CreatedAt    time.Time       `json:"created_at"`
	UpdatedAt    time.Time       `json:"updated_at"`
	DeletedAt    *time.Time      `json:"deleted_at,omitempty"`
	Values       []exportedValue `json:"values"`
	Document     json.RawMessage `json:"document,omitempty"`
}

// exportedValue is a value with where it came from.
type exportedValue struct {
	Attribute string     `json:"attribute"`
	Values    []string   `json:"values"`
	Origin    string     `json:"origin,omitempty"`
	Rule      string     `json:"rule,omitempty"`
	By        string     `json:"by,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
}

// ExportPerson writes everything that is held on a person as one JSON document,
// record by record: what is known of them and from whom, then, table by table, what
// is tied to them or names them. Passwords and secrets of second factors are not in
// it: they are no information on the person, and whoever reads the file could use
// them.
func (c *Core) ExportPerson(ctx context.Context, u *registry.User, to io.Writer) error {
	head, err := c.exportHead(ctx, u)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(to) // which keeps the first error until it is flushed
	_, _ = fmt.Fprintf(w, "{\n\"exported_at\": %q,\n\"person\": %s", c.Now().UTC().Format(time.RFC3339), head)
	table := ""
	err = c.Store.For(u.Company).Held(ctx, u, func(name string, record map[string]any) error {
		doc, err := json.Marshal(record)
		if err != nil {
			return fmt.Errorf("encode record: %w", err)
		}
		before := ",\n"
		if name != table {
			before = fmt.Sprintf(",\n%q: [\n", name)
			if table != "" {
				before = "\n]" + before
			}
		}
		table = name
		_, err = fmt.Fprintf(w, "%s  %s", before, doc)
		return err
	})
	if table != "" {
		_, _ = fmt.Fprint(w, "\n]")
	}
	_, _ = fmt.Fprint(w, "\n}\n")
	return errors.Join(err, w.Flush())
}

// exportHead is what is known of the person, and from whom.
func (c *Core) exportHead(ctx context.Context, u *registry.User) ([]byte, error) {
	x, err := c.ExplainUser(ctx, u)
	if err != nil {
		return nil, err
	}
	p := exportedPerson{
		ID: u.PublicID, UserName: u.UserName(), State: string(u.State()), Kind: string(u.Kind), Association: string(u.Association), Credential: string(u.Credential),
		Blocks: u.Blocks.String(), CompanyAdmin: u.CompanyAdmin, Rights: u.Rights.String(), CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, DeletedAt: set(u.DeletedAt),
		Values: []exportedValue{}, Document: u.Document,
	}
	for _, v := range x.Values {
		origin := ""
		if v.Origin.Kind != "" {
			origin = string(v.Origin.Kind) + " " + v.Origin.Key
		}
		p.Values = append(p.Values, exportedValue{v.Attribute, v.Values, origin, v.Rule.String(), v.Actor, set(v.Since)})
	}
	doc, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode person: %w", err)
	}
	return doc, nil
}
