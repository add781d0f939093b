package admin

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var contactRoutes = []route{
	{"GET /contacts", auth.RightRead, "", (*Handlers).contacts},
	{"POST /contacts", auth.RightOperate, "contact.meet", (*Handlers).meetContact},
	{"GET /contacts/export", auth.RightRead, "", (*Handlers).exportContacts},
	{"GET /contacts/messages", auth.RightRead, "", (*Handlers).messages},
	{"GET /contacts/messages/export", auth.RightRead, "", (*Handlers).exportMessages},
	{"GET /contacts/{id}", auth.RightRead, "", (*Handlers).contact},
	{"POST /contacts/{id}/promote", auth.RightOperate, "contact.promote", (*Handlers).promoteContact},
}

// contactsView lists people without an account, those seen last first.
type contactsView struct {
	page
	Contacts []Contact
	// People and Colleagues are those who began to write lately.
	People, Colleagues int64
	Older              string
	Input              meetInput
	// Met is whom a form just found or made, Candidates those it could mean.
	Met        *registry.Met
	Candidates []registry.Candidate
}

// meetInput is what somebody filled in to find or make a contact.
type meetInput struct {
	Email, Given, Family, Phone, Reason string
	Verified                            bool
}

func (h *Handlers) contacts(v *visit) { h.showContacts(v, contactsView{page: h.page(v)}) }

func (h *Handlers) showContacts(v *visit, view contactsView) {
	query := v.r.URL.Query()
	q := registry.ContactQuery{Limit: perPage + 1}
	if at, err := strconv.ParseInt(query.Get("at"), 10, 64); err == nil {
		id, _ := strconv.ParseInt(query.Get("id"), 10, 64)
		q.SeenBefore, q.Before = time.UnixMicro(at), registry.UserID(id)
	}
	var err error
	if view.Contacts, err = v.desk.Contacts(v.ctx(), q); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(view.Contacts) > perPage {
		view.Contacts = view.Contacts[:perPage]
		last := view.Contacts[perPage-1]
		view.Older = fmt.Sprintf("%s?at=%d&id=%d", v.r.URL.Path, last.LastSeen.UnixMicro(), last.Key)
	}
	if view.People, view.Colleagues, err = v.desk.Arrivals(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_contacts", web.Say("admin.contacts.title"), view)
}

func (h *Handlers) exportContacts(v *visit) {
	e := Export{Operation: "listPeople", Query: v.only()}
	e.Query.Set("state", string(registry.StateContact))
	h.export(v, e)
}

// meetContact finds who has an address, or makes a contact of a stranger, and says
// which on the page itself.
func (h *Handlers) meetContact(v *visit) {
	if !h.Form(v.w, v.r) {
		return
	}
	get := func(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }
	in := meetInput{Email: get("email"), Given: get("given"), Family: get("family"), Phone: get("phone"), Reason: get("reason"), Verified: get("verified") != ""}
	met, err := v.desk.Meet(v.ctx(), registry.Encounter{
		Email: in.Email, GivenName: in.Given, FamilyName: in.Family, Phone: in.Phone, Reason: in.Reason, Verified: in.Verified, Actor: v.who.Actor,
	})
	view := contactsView{page: h.page(v), Input: in}
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome = refused.Code
		view.Candidates = met.Candidates
		view.Alert = web.Say("admin.contacts.refused", "Reason", refused.Reason)
		h.showContacts(v, view)
	case err != nil:
		h.missing(v, err)
	default:
		done := "known"
		if met.New {
			done = "made"
		}
		to := []any{"contacts", met.User.PublicID}
		if met.User.Association != registry.Weak {
			to[0] = "people"
		}
		v.back(done, to...)
	}
}

// contactView is one contact, with the form that makes an account of it.
type contactView struct {
	page
	Person *Person
	Chances
	Input promoteInput
	Back  string
}

// promoteInput is what somebody filled in for the account.
type promoteInput struct {
	Promotion
	Error *web.Message
}

// Kinds are those an account can have.
func (contactView) Kinds() []string {
	return []string{string(registry.EndUser), string(registry.SupportStaff)}
}

func (h *Handlers) contact(v *visit) {
	p, ok := h.findPerson(v)
	if !ok {
		return
	}
	if p.Association != registry.Weak { // an account by now
		v.back("", "people", p.PublicID)
		return
	}
	h.showContact(v, p, promoteInput{Promotion: Promotion{
		UserName: p.Email(), GivenName: p.Attributes.First(registry.AttrGivenName), FamilyName: p.Attributes.First(registry.AttrFamilyName), Kind: registry.EndUser,
	}})
}

func (h *Handlers) showContact(v *visit, p *Person, in promoteInput) {
	view := contactView{page: h.page(v), Person: p, Input: in}
	if done := v.r.URL.Query().Get("done"); done == "made" || done == "known" {
		view.Notice = web.Say("admin.contacts.done." + done)
	}
	view.Alert = in.Error
	var err error
	if view.Chances, err = v.desk.Chances(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_contact", web.Say("admin.contact.title", "Name", p.DisplayName()), view)
}

// promoteContact makes an account of a contact.
func (h *Handlers) promoteContact(v *visit) {
	p, ok := h.findPerson(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	get := func(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }
	in := promoteInput{Promotion: Promotion{
		UserName: get("username"), GivenName: get("given"), FamilyName: get("family"), Kind: registry.Kind(get("kind")),
		Department: get("department"), Contract: get("contract"), Hold: get("mail") == "hold",
	}}
	err := v.desk.Promote(v.ctx(), p.PublicID, in.Promotion, v.who.Actor)
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome = refused.Code
		in.Error = web.Say("admin.refused", "Reason", refused.Reason)
		h.showContact(v, p, in)
	case err != nil:
		h.missing(v, err)
	default:
		v.back("invited", "people", p.PublicID)
	}
}

// messagesView is what each message made, the newest first.
type messagesView struct {
	page
	Messages []registry.IntakeRow
	Outcome  string
	Older    string
}

func (h *Handlers) messages(v *visit) {
	query := v.r.URL.Query()
	view := messagesView{page: h.page(v), Outcome: strings.TrimSpace(query.Get("outcome"))}
	q := registry.IntakeQuery{Outcome: view.Outcome, Limit: perPage + 1}
	if at, err := strconv.ParseInt(query.Get("at"), 10, 64); err == nil {
		q.BeforeAt = time.UnixMicro(at)
		q.Before, _ = strconv.ParseInt(query.Get("id"), 10, 64)
	}
	var err error
	if view.Messages, err = v.desk.Intake(v.ctx(), q); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(view.Messages) > perPage {
		view.Messages = view.Messages[:perPage]
		last := view.Messages[perPage-1]
		query.Set("at", fmt.Sprint(last.At.UnixMicro()))
		query.Set("id", fmt.Sprint(last.ID))
		view.Older = v.r.URL.Path + "?" + query.Encode()
	}
	h.show(v, "admin_messages", web.Say("admin.messages.title"), view)
}

func (h *Handlers) exportMessages(v *visit) {
	h.export(v, Export{Operation: "listIntake", Query: v.only("outcome")})
}

// arrivals says that people without an account begin to write.
func (h *Handlers) arrivals(v *visit, p page) ([]attention, error) {
	people, colleagues, err := v.desk.Arrivals(v.ctx())
	if err != nil || people == 0 {
		return nil, err
	}
	return []attention{{web.Say("admin.needs.arrivals", "Count", people, "Colleagues", colleagues), p.To("contacts"), "look", false}}, nil
}
