package registry

import (
	"strconv"
	"strings"
	"unicode"
)

// What the audit and the histories keep as codes, for programs and filters, has
// words here for those who read pages: who it was, what they did, to what, and
// values of attributes that come from a list. What has no word is shown as it is,
// so that a row of an older release, or a name, is never lost.

// actorsWithName say who it was, by the first word of an actor; what follows is a
// name, which stays as it is.
var actorsWithName = map[string]Format{
	"user": "user %s", "support": "support staff %s", "auditor": "auditor %s", "approver": "approver %s", "admin": "admin %s",
	"operator": "operator %s", "token": "token %s", "source": "source %s", "connection": "connection %s", "provider": "identity provider %s",
}

// actorsAlone are those without a name.
var actorsAlone = map[string]Said{
	"admin": Say("an admin"), "operator": Say("an operator"), "somebody": Say("somebody"), "mail": Say("a mail that came in"), "teams": Say("a message in Teams"),
	"upload": Say("an uploaded file"), "retention": Say("the retention"), "registration": Say("registration"), "command line": Say("the command line"),
	"demo": Say("the demonstration"),
}

// atCommandLine is how an actor ends who sat at a terminal.
const atCommandLine = " at the command line"

// ActorWord says who it was. "source corp (admin ann)" are both.
func ActorWord(actor string) Said {
	if word, ok := actorsAlone[actor]; ok {
		return word
	}
	if name, ok := strings.CutSuffix(actor, atCommandLine); ok {
		return Say("%s at the command line", name)
	}
	kind, name, _ := strings.Cut(actor, " ")
	if first, second, ok := strings.Cut(actor, " ("); ok && kind == "source" && strings.HasSuffix(second, ")") {
		return Say("%s (%s)", ActorWord(first), ActorWord(strings.TrimSuffix(second, ")")))
	}
	if f, ok := actorsWithName[kind]; ok && name != "" {
		return Say(f, name)
	}
	return Verbatim(actor)
}

// subjects say what a deed was done to: by the first word of a subject, by the
// wildcard of a path of the API, or by the first part of a path of the console.
var subjects = map[string]Format{
	"user": "user %s", "person": "person %s", "people": "person %s", "group": "group %s", "groups": "group %s", "contact": "contact %s", "contacts": "contact %s",
	"token": "token %s", "connection": "connection %s", "scim": "connection %s", "source": "source %s", "sources": "source %s", "run": "run %s", "runs": "run %s",
	"webhook": "webhook %s", "webhooks": "webhook %s", "delivery": "delivery %s", "mail": "mail %s", "mails": "mail %s", "upload": "file %s", "uploads": "file %s",
	"applicant": "application %s", "applicants": "application %s", "merge": "merge %s", "company": "company %s", "domain": "domain %s", "contract": "contract %s",
	"department": "department %s", "code": "reason %s",
}

// SubjectWord says what a deed was done to. Of a path of the console it names the
// thing, since the deed itself says what was done; of a path that names nothing,
// there is nothing to say.
func SubjectWord(subject string) Said {
	if kind, _, named := strings.Cut(subject, " "); !named || strings.Contains(kind, "/") {
		return pathWord(subject)
	}
	parts := strings.Split(subject, ", ")
	out := make([]Said, len(parts))
	for i, part := range parts {
		kind, name, _ := strings.Cut(part, " ")
		f, ok := subjects[kind]
		switch {
		case ok && name != "":
			out[i] = Say(f, name)
		case i > 0: // a name with a comma in it
			return subjectOf(subject)
		default:
			out[i] = Verbatim(part)
		}
	}
	return Join(out, ", ")
}

// subjectOf takes all but the first word for one name.
func subjectOf(subject string) Said {
	kind, name, _ := strings.Cut(subject, " ")
	if f, ok := subjects[kind]; ok {
		return Say(f, name)
	}
	return Verbatim(subject)
}

// Parts of the console's paths that name nothing: areas stand first, steps second.
var (
	areas = map[string]bool{"tokens": true, "team": true, "matches": true, "diagnostics": true, "places": true, "operators": true}
	steps = map[string]bool{"new": true, "look": true, "release": true}
)

// pathWord names what the paths of a subject lead to: "groups/1 people/2/join".
func pathWord(subject string) Said {
	var out []Said
	for path := range strings.FieldsSeq(subject) {
		area, rest, _ := strings.Cut(path, "/")
		name, _, _ := strings.Cut(rest, "/")
		switch f, ok := subjects[area]; {
		case ok && name != "" && !steps[name]:
			out = append(out, Say(f, name))
		case !ok && !areas[area]:
			out = append(out, Verbatim(path))
		}
	}
	return Join(out, ", ")
}

// details say a further fact of a deed, by its name.
var details = map[string]Format{
	"why": "reason: %s", "reason": "reason: %s", "note": "note: %s", "name": "name: %s", "scopes": "scopes: %s", "mail": "mails: %s", "key": "key: %s", "rows": "rows: %s",
	"kind": "kind: %s", "method": "how: %s", "factor": "second factor: %s", "factors": "second factors: %s", "sessions": "sessions: %s", "provider": "identity provider: %s",
	"schedule": "schedule: %s", "was": "before: %s", "loser": "merged with it: %s", "merge": "merge: %s", "stayed": "stayed: %s",
	"candidate": "possible: %s",
}

// factValues are the words for facts that come from a list.
var factValues = map[string]Said{
	"method password": Say("password"), "method passkey": Say("passkey"), "kind totp": Say("code of an app"), "kind passkey": Say("passkey"),
	"kind recovery": Say("recovery code"), "factor shown": Say("shown"), "mail send": Say("sent"), "mail hold": Say("held"), "mail none": Say("none"),
	"why gone": Say("the receiver says it is gone"), "why failing": Say("it failed for too long"), "why by_hand": Say("by hand"),
}

// DetailWord says a further fact of a deed with its name.
func DetailWord(name, value string) Said {
	f, ok := details[strings.TrimRightFunc(name, func(r rune) bool { return r == '_' || unicode.IsDigit(r) })]
	if !ok {
		return Verbatim(name + ": " + value)
	}
	word, ok := factValues[name+" "+value]
	if key, sso := strings.CutPrefix(value, "sso "); !ok && sso && name == "method" {
		word, ok = Say("identity provider %s", key), true
	}
	if !ok {
		word = Verbatim(value)
	}
	return Say(f, word)
}

// namelessRow is how a row of a file is called in which nobody is named.
const namelessRow = "row "

// RowName is what a row of a file is called in which nobody is named.
func RowName[N ~int | ~int64](line N) string { return namelessRow + strconv.FormatInt(int64(line), 10) }

// NameWord says the name of a record: as it is, but for a row that has none.
func NameWord(name string) Said {
	if digits, ok := strings.CutPrefix(name, namelessRow); ok {
		if line, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return Say("row %d", line)
		}
	}
	return Verbatim(name)
}

// yesNo are the words for what holds or does not.
var yesNo = map[string]Said{"true": Say("yes"), "false": Say("no")}

// listed are the attributes whose values come from a list, with their words.
var listed = map[string]map[string]Said{
	"enabled": yesNo, "active": yesNo, "companyAdmin": yesNo, "protected": yesNo, "default": yesNo,
	"kind":        {string(EndUser): Say("end user"), string(SupportStaff): Say("support staff")},
	"association": {string(Weak): Say("contact"), string(Strong): Say("full account")},
	"role":        {string(RoleSupport): Say("support group")},
	"rights":      {"auditor": Say("auditor"), "approver": Say("approver")},
	"blocks": {
		"awaiting activation": Say("awaiting activation"), "blocked by an admin": Say("blocked by an admin"), "held by approval": Say("held by approval"),
	},
}

// ValueWord says a value of an attribute; several facts stand in it with commas,
// as blocks and rights do.
func ValueWord(attribute, value string) Said {
	words, ok := listed[attribute]
	if !ok {
		return Verbatim(value)
	}
	parts := strings.Split(value, ", ")
	out := make([]Said, len(parts))
	for i, part := range parts {
		if out[i], ok = words[part]; !ok {
			out[i] = Verbatim(part)
		}
	}
	return Join(out, ", ")
}
