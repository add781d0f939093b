package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

// markMails finds the changes that give somebody another primary address, for
// the guard. Only people who change are asked for.
func (r *run) markMails(ctx context.Context) error {
	var batch []int
	for i := range r.plan.Users {
		if c := &r.plan.Users[i]; c.User == 0 || c.Seen < 0 || c.Action == registry.ActionJoin {
			continue
		}
		if batch = append(batch, i); len(batch) == matchBatch {
			if err := r.markSome(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return r.markSome(ctx, batch)
}

func (r *run) markSome(ctx context.Context, batch []int) error {
	if r.src.Write[registry.AttrEmails] == registry.WriteNever || len(batch) == 0 {
		return nil
	}
	ids := make([]registry.UserID, len(batch))
	for i, at := range batch {
		ids[i] = r.plan.Users[at].User
	}
	mails, err := r.ledger.PrimaryMails(ctx, ids)
	if err != nil {
		return err
	}
	for i, at := range batch {
		rec, err := r.snap.record(r.plan.Users[at].Seen)
		if err != nil {
			return err
		}
		had := mails[ids[i]]
		// A first address is no other one, and nothing is mailed to none.
		r.plan.Users[at].Mail = had != "" && registry.Key(rec.Attributes.First(registry.AttrEmails)) != had
	}
	return nil
}

// historyDepth is how far back the last finished run is looked for.
const historyDepth = 50

// history is what the guard has to know of the runs before.
func (r *run) history(ctx context.Context) (plan.History, error) {
	used := r.src.State.SettingsHash
	h := plan.History{First: used == "", SettingsChanged: used != "" && used != r.src.SettingsHash && !r.src.SettingsFree}
	if h.First || r.src.Limits.Minimum.Percent == 0 {
		return h, nil
	}
	runs, err := r.ledger.Runs(ctx, r.src.State.ID, historyDepth)
	if err != nil {
		return h, fmt.Errorf("look at earlier runs: %w", err)
	}
	for _, before := range runs {
		finished := before.State == registry.RunDone || before.State == registry.RunPartial
		if before.Mode == registry.ModeRun && finished && before.Complete {
			h.InScope = before.Counts.InScope
			break
		}
	}
	return h, nil
}

// withheld counts what the source's policy left out of the plan.
func (r *run) withheld() {
	var parts []registry.Said
	for _, w := range r.plan.Withheld {
		r.row.Counts.Withheld += w.Count
		parts = append(parts, registry.Say(w.What, w.Count))
	}
	switch {
	case len(parts) > 0:
		r.row.Notes = append(r.row.Notes, registry.Say("The policy %s left out %s.", r.src.Policy, registry.Join(parts, ", ")))
	case r.src.Policy == plan.ModeReportOnly && r.req.Mode == registry.ModeRun:
		r.row.Notes = append(r.row.Notes, registry.Say("The policy report-only changes nothing; the report says what would change."))
	}
}

// troubles reports the records that the plan leaves alone, with whom they are
// about and what would mend it.
func (r *run) troubles(ctx context.Context) error {
	names, err := r.nameUsers(ctx)
	if err != nil {
		return err
	}
	for _, t := range r.plan.Troubles {
		item := registry.RunItem{Code: t.Code, Anchor: t.Anchor, User: t.User}
		if t.Seen >= 0 {
			item.Name = r.snap.name(t.Seen)
		}
		if item.Name == "" {
			item.Name = names[t.User].UserName
		}
		var list []registry.Candidate
		if t.Seen >= 0 {
			list = r.snap.candidates[t.Seen]
		}
		if t.User != 0 {
			list = append(list, registry.Candidate{User: t.User})
		}
		if len(list) > 0 {
			item.Detail = &registry.Payload{}
			for _, c := range list {
				item.Detail.Candidates = append(item.Detail.Candidates, int64(c.User))
			}
		}
		item.Message = r.troubleWords(t, names[t.User])
		r.report.conflict(ctx, item)
	}
	return nil
}

// nameUsers names the people whom the plan's troubles are about.
func (r *run) nameUsers(ctx context.Context) (map[registry.UserID]registry.Candidate, error) {
	var ids []registry.UserID
	for _, t := range r.plan.Troubles {
		if t.User != 0 {
			ids = append(ids, t.User)
		}
	}
	out := map[registry.UserID]registry.Candidate{}
	for chunk := range slices.Chunk(ids, matchBatch) {
		names, err := r.ledger.NameUsers(ctx, chunk)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, names)
	}
	return out, nil
}

// troubleWords say what is wrong with a record and what would mend it.
func (r *run) troubleWords(t plan.Trouble, who registry.Candidate) registry.Said {
	switch t.Code {
	case registry.CodeAmbiguous:
		return r.ambiguousWords(t)
	case registry.CodeUserNameTaken:
		if t.User != 0 {
			return registry.Say("%s has this userName, and the read does not show their own entry; the name is free once they are deleted. If it is the same person: %s",
				who.Words(), r.linkCommand(t.Anchor, who.PublicID))
		}
		return registry.Say("another entry of this source, %s, has the same userName; rename one of the two in the directory", r.otherName(t.Other))
	case registry.CodeRecreated:
		return registry.Say("looks like %s, whose own entry is gone from the directory. If it is the same person: %s, or on_recreate: adopt. If it is another: on_recreate: new",
			who.Words(), r.linkCommand(t.Anchor, who.PublicID))
	case registry.CodeProtected:
		return registry.Say("%s is protected, so the directory's word does not end the account. Lift that (usher user protect %s --off) if the person is to go",
			who.Words(), who.PublicID)
	}
	return registry.Verbatim(string(t.Code))
}

func (r *run) otherName(other int32) registry.Said {
	if other < 0 {
		return registry.Say("not named")
	}
	return registry.Verbatim(r.snap.name(other))
}

// linkCommand is how an admin ties somebody to an entry.
func (r *run) linkCommand(anchor, who string) string {
	return linkCommand(r.src.State.Key, anchor, who)
}

func linkCommand(source, anchor, who string) string {
	return fmt.Sprintf("usher source link %s %s %s", source, anchor, who)
}

func (r *run) ambiguousWords(t plan.Trouble) registry.Said {
	var names []string
	for _, c := range r.snap.candidates[t.Seen] {
		names = append(names, c.Words())
	}
	mend := r.linkCommand(t.Anchor, "WHO")
	if len(names) == 1 {
		return registry.Say("the join rules find %s, whom another entry of this source matches too; say whose entry it is: %s", names[0], mend)
	}
	return registry.Say("the join rules find more than one person: %s. Say which it is: %s; or rename one of them", registry.List(names), mend)
}

// mendWords are a refusal of the registry and, about somebody whom the join rules,
// or the name, found, what resolves it.
func (r *run) mendWords(c plan.UserChange, refused *registry.Error) registry.Said {
	mendable := false
	switch refused.Code {
	case registry.CodeProtectedAdmin, registry.CodeOwnPassword, registry.CodeForeignOwner:
		mendable = c.Action == registry.ActionJoin || c.Was != ""
	case registry.CodeUserNameTaken:
		mendable = c.User == 0
	}
	if !mendable {
		return refused.Message
	}
	return registry.Say("%s. If it is the same person: %s", refused.Message, r.linkCommand(c.Anchor, "WHO"))
}
