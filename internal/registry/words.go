package registry

// words name states and actions in sentences.
var words = map[string]Said{
	"deleted": Say("deleted"), "contact": Say("contact"), "disabled": Say("disabled"), "blocked": Say("blocked"),
	"invited": Say("invited"), "new": Say("new"), "active": Say("active"),
	"reading": Say("reading"), "planning": Say("planning"), "applying": Say("applying"), "held": Say("held"),
	"approved": Say("approved"), "rejected": Say("rejected"), "done": Say("done"), "partial": Say("partial"),
	"failed": Say("failed"), "interrupted": Say("interrupted"),
	"queued": Say("queued"), "sent": Say("sent"), "cancelled": Say("cancelled"),
	"received": Say("received"), "previewed": Say("previewed"), "applied": Say("applied"), "discarded": Say("discarded"),
	"create": Say("create"), "restore": Say("restore"), "delete": Say("delete"), "join": Say("join"), "deactivate": Say("deactivate"),
	"enable": Say("enable"), "rename": Say("rename"), "update": Say("update"), "members": Say("members"), "block": Say("block"),
	"unblock": Say("unblock"), "invite": Say("invite"), "password": Say("password"), "missing": Say("missing"), "protect": Say("protect"),
	"unprotect": Say("unprotect"), "rights": Say("rights"), "end_user": Say("end user"), "support_staff": Say("support staff"),
}

// Word names a state or an action of a change in a sentence, as the code that it is
// where there is no word for it.
func Word[S ~string](s S) Said {
	if w, ok := words[string(s)]; ok {
		return w
	}
	return Verbatim(string(s))
}
