package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// mergeDoc is a merge as JSON shows it. Its field names are a contract.
type mergeDoc struct {
	ID        string     `json:"id"`
	Survivor  string     `json:"survivor"`
	Loser     string     `json:"loser"`
	By        string     `json:"by"`
	Reason    string     `json:"reason,omitempty"`
	At        time.Time  `json:"at"`
	UndoUntil *time.Time `json:"undo_until,omitempty"`
	UndoneAt  *time.Time `json:"undone_at,omitempty"`
	UndoneBy  string     `json:"undone_by,omitempty"`
	Stayed    []string   `json:"stayed,omitempty"`
}

func (f *flags) mergeUsersCmd() *cobra.Command {
	var company, undo, reason string
	var preview bool
	cmd := &cobra.Command{
		Use: "merge SURVIVOR LOSER | --undo ID", Short: "Have one person take another's place, or separate them again", Args: cobra.MaximumNArgs(2),
		Long: `Have one person take another's place: both are the same human being.

Ties to directories, memberships and proven addresses move to the survivor, and
values fill what the survivor lacks. The other's password, second factors and
sign-ins end for good, and their userName is kept from everybody else. For thirty
days --undo separates the two again; what somebody changed since stays with the
survivor and is named, unless the other's own directory said it. --preview shows all that without doing it,
and exits 1 where it cannot be done.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case undo != "" && (len(args) > 0 || preview):
				return misuse(errors.New("--undo takes the merge's id and nothing else; `usher user merges` lists them"))
			case undo == "" && len(args) != 2:
				return misuse(errors.New("name the person who stays and the one who is merged into them"))
			}
			return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				if undo != "" {
					return f.undoMerge(ctx, cmd, core, c, undo)
				}
				survivor, err := findPerson(ctx, core, c, args[0])
				if err != nil {
					return err
				}
				loser, err := findPerson(ctx, core, c, args[1])
				switch {
				case err != nil:
					return err
				case preview:
					return f.previewMerge(ctx, cmd, core, survivor, loser)
				}
				return f.mergeTwo(ctx, cmd, core, survivor, loser, reason)
			})
		},
	}
	companyFlag(cmd, &company)
	cmd.Flags().BoolVar(&preview, "preview", false, "show what would happen, and do nothing")
	cmd.Flags().StringVar(&undo, "undo", "", "id of a merge to undo")
	cmd.Flags().StringVar(&reason, "reason", "", "why the two are one, for the record")
	return cmd
}

// findPerson finds somebody of a company.
func findPerson(ctx context.Context, core *app.Core, c registry.Company, who string) (*registry.User, error) {
	u, err := core.Store.For(c.ID).FindUser(ctx, who)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, fmt.Errorf("nobody in %s has the userName, address or id %q", c.Name, who)
	}
	return u, err
}

// did writes down what was done with a person, whose name is left out where it is
// to be forgotten.
func did(ctx context.Context, core *app.Core, u *registry.User, action string, detail map[string]string) error {
	return core.Store.For(u.Company).Audit(ctx, registry.Deed{Actor: whoami(), Action: action, Subject: "person " + u.PublicID, Detail: detail})
}

func (f *flags) mergeTwo(ctx context.Context, cmd *cobra.Command, core *app.Core, survivor, loser *registry.User, reason string) error {
	m, err := core.MergeUsers(ctx, whoami(), survivor, loser, reason)
	if err != nil {
		return err
	}
	if err := did(ctx, core, survivor, "person.merge", map[string]string{"loser": loser.PublicID, "merge": m.PublicID}); err != nil {
		return err
	}
	return f.say(cmd.OutOrStdout(), mergeDocOf(*m, survivor.UserName(), loser.UserName()),
		"%s took the place of %s. Until %s `usher user merge --undo %s` separates them again.", survivor.UserName(), loser.UserName(), stamp(m.UndoUntil), m.PublicID)
}

func (f *flags) undoMerge(ctx context.Context, cmd *cobra.Command, core *app.Core, c registry.Company, id string) error {
	m, err := core.UndoMerge(ctx, c.ID, whoami(), id)
	if err != nil {
		return err
	}
	rows, err := core.Store.For(c.ID).Merges(ctx, m.Loser, 0, 1)
	if err != nil || len(rows) == 0 {
		return err
	}
	r, stayed := rows[0], ""
	if names := r.Stayed(); len(names) > 0 {
		stayed = fmt.Sprintf(" What somebody changed since stays with %s: %s.", r.SurvivorName, strings.Join(names, ", "))
	}
	if err := core.Store.For(c.ID).Audit(ctx, registry.Deed{
		Actor: whoami(), Action: "person.unmerge", Subject: "person " + r.SurvivorID, Detail: map[string]string{"loser": r.LoserID, "merge": id},
	}); err != nil {
		return err
	}
	return f.say(cmd.OutOrStdout(), mergeDocOf(r.Merge, r.SurvivorName, r.LoserName),
		"%s and %s are two people again.%s Passwords that the merge ended stay so: `usher user invite` mails a fresh link.", r.SurvivorName, r.LoserName, stayed)
}

func mergeDocOf(m registry.Merge, survivor, loser string) mergeDoc {
	return mergeDoc{
		ID: m.PublicID, Survivor: survivor, Loser: loser, By: m.Actor, Reason: m.Evidence, At: m.At,
		UndoUntil: whenSet(m.UndoUntil), UndoneAt: whenSet(m.UndoneAt), UndoneBy: m.UndoneBy, Stayed: m.Stayed(),
	}
}

// previewDoc is what a merge would do, as JSON shows it.
type previewDoc struct {
	Survivor string           `json:"survivor"`
	Loser    string           `json:"loser"`
	Refused  string           `json:"refused,omitempty"`
	Code     string           `json:"code,omitempty"`
	Owner    string           `json:"owner,omitempty"`
	Values   []mergedValueDoc `json:"values,omitempty"`
	Origins  []string         `json:"origins,omitempty"`
	Groups   []string         `json:"groups,omitempty"`
	Names    []string         `json:"names,omitempty"`
	Sessions int              `json:"sessions_end"`
	Mails    int              `json:"mails_cancelled"`
	Password bool             `json:"survivor_password_ends"`
}

type mergedValueDoc struct {
	Attribute string   `json:"attribute"`
	Values    []string `json:"values"`
	Survivor  []string `json:"survivor,omitempty"`
	Loser     []string `json:"loser,omitempty"`
}

func (f *flags) previewMerge(ctx context.Context, cmd *cobra.Command, core *app.Core, survivor, loser *registry.User) error {
	p, err := core.PreviewMerge(ctx, survivor, loser)
	if err != nil {
		return err
	}
	d := previewDoc{
		Survivor: survivor.UserName(), Loser: loser.UserName(), Groups: p.Groups, Names: p.Names, Sessions: p.Sessions, Mails: p.Mails, Password: p.EndsPassword,
	}
	if p.Refused != nil {
		d.Refused, d.Code = p.Refused.Message.String(), string(p.Refused.Code)
		return errors.Join(f.say(cmd.OutOrStdout(), d, "They cannot be merged (%s): %s.", d.Code, d.Refused), exit(exitFailed))
	}
	d.Owner = originWord(p.Owner)
	g := &grid{head: []string{"what", "afterwards", survivor.UserName(), loser.UserName()}}
	for _, v := range p.Values {
		d.Values = append(d.Values, mergedValueDoc{v.Attribute, v.Values, v.Was, v.Theirs})
		g.add(v.Attribute, strings.Join(v.Values, ", "), strings.Join(v.Was, ", "), strings.Join(v.Theirs, ", "))
	}
	g.add("owner", d.Owner, originWord(p.WasOwner))
	for _, t := range p.Ties {
		d.Origins = append(d.Origins, originWord(t.Origin)+" "+t.Link.Anchor)
		g.add("tied to", originWord(t.Origin)+" "+t.Link.Anchor, "", "moves")
	}
	for _, name := range p.Groups {
		g.add("member of", name, "", "moves")
	}
	g.add("names kept", strings.Join(p.Names, ", "))
	g.add("sessions", fmt.Sprintf("%d end", p.Sessions))
	g.add("mails", fmt.Sprintf("%d are not sent", p.Mails))
	return f.print(cmd.OutOrStdout(), g, d)
}

func (f *flags) listMergesCmd() *cobra.Command {
	var company string
	var limit int
	cmd := &cobra.Command{
		Use: "merges [WHO]", Short: "List who was merged into whom, the newest first", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, c registry.Company) error {
				var of registry.UserID
				if len(args) > 0 {
					u, err := findPerson(ctx, core, c, args[0])
					if err != nil {
						return err
					}
					of = u.ID
				}
				rows, err := core.Store.For(c.ID).Merges(ctx, of, 0, limit)
				if err != nil {
					return err
				}
				docs, g := make([]mergeDoc, len(rows)), &grid{head: []string{"at", "survivor", "loser", "by", "undo until", "undone", "id"}}
				for i, r := range rows {
					docs[i] = mergeDocOf(r.Merge, r.SurvivorName, r.LoserName)
					if !r.Undoable(core.Now()) {
						docs[i].UndoUntil = nil
					}
					g.add(stamp(r.At), r.SurvivorName, r.LoserName, r.Actor, stampOf(docs[i].UndoUntil), stamp(r.UndoneAt), r.PublicID)
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
	companyFlag(cmd, &company)
	limitFlag(cmd, &limit, 50)
	return cmd
}

func (f *flags) exportUserCmd() *cobra.Command {
	var company string
	cmd := &cobra.Command{
		Use: "export WHO", Short: "Write everything that is held on a person as one JSON document", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withPerson(cmd, company, args[0], func(ctx context.Context, core *app.Core, u *registry.User) error {
				if err := did(ctx, core, u, "person.export", nil); err != nil {
					return err
				}
				return core.ExportPerson(ctx, u, cmd.OutOrStdout())
			})
		},
	}
	companyFlag(cmd, &company)
	return cmd
}

func (f *flags) eraseUserCmd() *cobra.Command {
	var company string
	var yes, lift bool
	cmd := &cobra.Command{
		Use: "erase WHO", Short: "Empty everything personal of a person, for good", Args: cobra.ExactArgs(1),
		Long: `Empty everything personal of a person, for good.

What stays is an id without a name, so that history adds up, and keyed hashes of
the ids, names and addresses: a directory or connection that brings the person
again is refused (erased) until --lift allows it. Uploaded files that name the
person are dropped whole. There is no undoing it. Unless --yes is given, the
userName has to be typed.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withPerson(cmd, company, args[0], func(ctx context.Context, core *app.Core, u *registry.User) error {
				if lift {
					return f.liftErasure(ctx, cmd, core, u)
				}
				if !yes && !typed(cmd, u.UserName()) {
					return misuse(fmt.Errorf("nobody was erased: type %s, or say --yes", u.UserName()))
				}
				if err := core.EraseUser(ctx, whoami(), u); err != nil {
					return err
				}
				if err := did(ctx, core, u, "person.erase", nil); err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), map[string]any{"id": u.PublicID, "erased": true}, "Everything personal of %s is gone. The id stays.", u.PublicID)
			})
		},
	}
	companyFlag(cmd, &company)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&lift, "lift", false, "let somebody who was erased (name the id) be created anew")
	return cmd
}

func (f *flags) liftErasure(ctx context.Context, cmd *cobra.Command, core *app.Core, u *registry.User) error {
	if err := core.LiftErasure(ctx, whoami(), u); err != nil {
		return err
	}
	if err := did(ctx, core, u, "person.lift_erasure", nil); err != nil {
		return err
	}
	return f.say(cmd.OutOrStdout(), map[string]any{"id": u.PublicID, "lifted": true}, "A directory or connection may create the person anew, as somebody new.")
}

// typed asks for a name, and tells whether it was typed.
func typed(cmd *cobra.Command, name string) bool {
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "This cannot be undone. Type %s to erase this person: ", printable(name))
	line, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	return registry.Key(strings.TrimSpace(line)) == registry.Key(name)
}
