package admin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// decisionInput is what somebody filled in to decide on a held run.
type decisionInput struct {
	Note, Count string
	// Deed is the form that was sent, "approve" or "reject"; Pause is its box.
	Deed  string
	Pause bool
	// Error is what is wrong with Field, "note" or "count".
	Field string
	Error *web.Message
}

// Wrong is what is wrong with a field of a form, nil for nothing.
func (d decisionInput) Wrong(deed, field string) *web.Message {
	if d.Deed != deed || d.Field != field {
		return nil
	}
	return d.Error
}

// approve carries a held run out, for who typed how many records it removes and
// why.
func (h *Handlers) approve(v *visit) { h.decide(v, true) }

func (h *Handlers) reject(v *visit) { h.decide(v, false) }

func (h *Handlers) decide(v *visit, approve bool) {
	run, ok := h.findRun(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	if run.State != registry.RunHeld {
		h.tooLate(v, run)
		return
	}
	in := v.decision(run, approve)
	d := registry.Decision{By: v.who.Actor, Note: in.Note, PlanHash: v.r.PostFormValue("plan"), Pause: in.Pause}
	if in.Error != nil {
		v.outcome = registry.CodeInvalidValue
		h.showRun(v, run, in, in.Error)
		return
	}
	done, then := "rejected", run.Number
	var err error
	if approve {
		done = "approved"
		then, err = v.desk.Approve(v.ctx(), run.Number, d)
	} else {
		err = v.desk.Reject(v.ctx(), run.Number, d)
	}
	var refused *Refusal
	switch {
	case errors.As(err, &refused) && refused.Code == registry.CodeNotHeld:
		if run, ok = h.findRun(v); ok {
			h.tooLate(v, run)
		}
	case errors.As(err, &refused):
		v.outcome = refused.Code
		h.showRun(v, run, in, because(refused))
	case err != nil:
		h.missing(v, err)
	default:
		v.back(done, "runs", then)
	}
}

// decision is what was filled in, and what is wrong with it.
func (v *visit) decision(run *registry.Run, approve bool) decisionInput {
	in := decisionInput{
		Note: strings.TrimSpace(v.r.PostFormValue("note")), Count: strings.TrimSpace(v.r.PostFormValue("count")),
		Deed: "reject", Pause: v.r.PostFormValue("pause") != "",
	}
	if approve {
		in.Deed = "approve"
	}
	switch {
	case in.Note == "":
		in.Field, in.Error = "note", web.Say("admin.decide.note.missing")
	case approve && in.Count != fmt.Sprint(run.Counts.Changes()):
		in.Field, in.Error = "count", web.Say("admin.decide.count.wrong", "Count", run.Counts.Changes())
	}
	return in
}

// tooLate tells somebody who decides on a run that somebody else has, and what.
func (h *Handlers) tooLate(v *visit, run *registry.Run) {
	v.outcome = registry.CodeNotHeld
	alert := web.Say("admin.decide.late")
	if run.State == registry.RunApproved || run.State == registry.RunRejected {
		alert = web.Say("admin.decide.late."+string(run.State), "By", run.DecidedBy, "Note", run.DecisionNote)
	}
	h.showRun(v, run, decisionInput{}, alert)
}
