package registry

import "strings"

// Reason says what a code means, to whoever has to act on it. Reports, commands
// and pages show the code and link here; the list is a contract.
type Reason struct {
	Code Code
	// Meaning is what happened, in one sentence.
	Meaning string
	// Action is what mends it, in one or two sentences.
	Action string
	// Who acts: an actor of design section 1.
	Who Actor
}

// Actor is who has to act on a reason.
type Actor string

// The actors.
const (
	ActorNobody    Actor = "nobody"                 // it is as it should be
	ActorAdmin     Actor = "company admin"          // decides about people
	ActorDirectory Actor = "directory admin"        // mends the record where it comes from
	ActorProvider  Actor = "identity provider team" // mends the push
	ActorOperator  Actor = "operator"               // mends the installation
	ActorProgram   Actor = "program"                // mends its request to the API
)

// Reasons returns the catalogue, in the order in which codes come up in a run.
// The caller may keep and change the slice.
func Reasons() []Reason {
	var out []Reason
	for _, part := range [][]Reason{
		readingReasons, recordReasons, uploadReasons, matchReasons, ruleReasons, leavingReasons, guardReasons, runReasons, apiReasons, intakeReasons, mergeReasons, vouchReasons,
	} {
		out = append(out, part...)
	}
	return out
}

// ReasonOf finds a reason by its code, in any case.
func ReasonOf(code string) (Reason, bool) {
	for _, r := range Reasons() {
		if strings.EqualFold(string(r.Code), code) {
			return r, true
		}
	}
	return Reason{}, false
}

// readingReasons are about an entry as the directory gave it.
var readingReasons = []Reason{
	{"bad_entry", "The directory gave an entry that cannot be understood, for instance one without an id.",
		"See the message. Mostly the account that usher reads with may not see the id attribute; give it that right.", ActorDirectory},
	{"duplicate_anchor", "The directory gave a person and a group with the same id in one read.",
		"Look at both entries in the directory; ids must be its own, not copied.", ActorDirectory},
	{"shared_mail", "Two people have the same address. Both keep it, and it identifies neither.",
		"Nothing has to be done. Where people are joined by mail, give each an address of their own.", ActorDirectory},
	{CodeUnknownManager, "The manager that the directory names is not among the people this source takes. No manager is kept.",
		"Nothing has to be done, or widen the source's base, filter or scope.", ActorDirectory},
	{"changed_meanwhile", "Somebody else changed the record while the source was read, so this run left it alone.",
		"Nothing has to be done: the next run looks at it again.", ActorNobody},
	{"owned_by_twin", "Another directory brought this person already: Active Directory knows them and Entra ID has them from there. They are there once, and owned by the directory that came first.",
		"Nothing has to be done. Memberships in this directory's groups count; what else it says of them is not heard.", ActorNobody},
	{"not_there", "A record that was to be tried again is not there to be read: gone, outside the source, or a group.",
		"Nothing has to be done: a complete run judges what is missing.", ActorNobody},
	{"unknown_members", "A group names members that are not among the people and groups this source reads.",
		"If they should be there, widen the source's base, filter or scope. They are left out of the group until then.", ActorDirectory},
}

// recordReasons are about the values of a record.
var recordReasons = []Reason{
	{"user_name_missing", "The record has nothing that would be a userName.",
		"Fill in the attribute, or map userName to one that everybody has. The person is left as they are until then.", ActorDirectory},
	{"group_name_missing", "The group has nothing that would be its name.", "Fill in the attribute, or map another.", ActorDirectory},
	{"invalid_utf8", "A value is not valid UTF-8 text. It was left out.", "Write the value anew in the directory.", ActorDirectory},
	{"value_too_long", "A value is longer than the attribute may be. It was left out.", "Shorten it, or cut it in the mapping.", ActorDirectory},
	{"control_character", "A value holds control characters. It was left out.", "Write the value anew in the directory.", ActorDirectory},
	{"malformed_email", "An address is not one that mail can be sent to. It was left out.", "Mend the address in the directory.", ActorDirectory},
	{"duplicate_email", "A record has the same address twice. It was taken once.", "Nothing has to be done.", ActorNobody},
	{"several_values", "An attribute has several values where one is wanted. The first was taken.",
		"Keep one value, or choose one in the mapping.", ActorDirectory},
	{"bad_result", "An expression of the mapping gave something that is no text.", "Mend the expression; `usher source test` shows what it gives.", ActorOperator},
	{"expression_failed", "An expression of the mapping could not be worked out for this record.",
		"See the message; `??` gives a value where an attribute is missing.", ActorOperator},
	{"invalid_value", "A value is not one that the attribute may have.", "See the message, and mend the value where it comes from.", ActorDirectory},
	{"unknown_contract", "The company has no service contract with this number. The person has none until it has.",
		"Create the contract, or mend the number in the directory.", ActorAdmin},
}

// matchReasons are about who a record is.
var matchReasons = []Reason{
	{CodeUserNameTaken, "Somebody else has this userName. Names are never shared and never taken from anybody.",
		"Rename one of the two. If both are the same person, join them by hand.", ActorAdmin},
	{CodeAmbiguous, "More than one person fits the source's join rules, so none was chosen.",
		"See who they are, then tie the right one by hand or make the rules stricter.", ActorAdmin},
	{CodeForeignOwner, "The person or group belongs to another origin, which alone may change them.",
		"Decide which origin owns them. Where the other one should let go, delete or unlink them there.", ActorAdmin},
	{CodeOwnPassword, "The person who fits already signs in with a password of their own; an account is never taken over by a name or an address.",
		"Tie the person by hand when both are the same.", ActorAdmin},
	{CodeLastAdmin, "The person is the last admin of the company, which an admin cannot leave without one.",
		"Make somebody else an admin first, or have an operator take the right away.", ActorAdmin},
	{CodeProtectedAdmin, "The person has rights in the company. No absence ends an admin, and no join rule touches anybody with rights.",
		"Take the right away first, disable the account in the directory, or tie it by hand.", ActorAdmin},
	{CodeProtected, "The person is protected: an admin said that no directory's word ends the account.",
		"Lift the protection with `usher user protect WHO --off` if the person is to go.", ActorAdmin},
	{CodeRecreated, "The entry looks like somebody of this source whose own entry is gone: the same name, made anew under another id.",
		"Say by `usher source link` that it is the same person, or set on_recreate.", ActorAdmin},
	{CodeAdopted, "The person's own entry is gone, and one with the same name was made anew under another id. The source says `on_recreate: adopt`, so it is the same person: the tie moves to the new entry, and the password and all sessions end.",
		"Nothing has to be done where set-up mails are sent: one lets the person set a new password. Without them, an admin sends it by `usher user invite`.", ActorNobody},
	{CodeAlreadyLinked, "Another object of the same origin is tied to this person.",
		"Two records mean one person. Keep one of them, or give the other its own name and address.", ActorDirectory},
	{CodeValueTaken, "Another resource of this type has a value that only one may have.",
		"Give each a value of its own, or delete the other one.", ActorProvider},
	{CodeGroupNameTaken, "The SCIM connection has a group of this name already, and one of the two has no externalId that would tell them apart.",
		"Use the group that is there: the answer names its id, and a filter by displayName finds it. Groups that are to share a name need an externalId each.", ActorProvider},
	{CodeAnchorTaken, "The id belongs to somebody already.",
		"A new record must have an id of its own. Look for a copied id at the origin.", ActorProvider},
}

// ruleReasons are about an operation that a rule stood against.
var ruleReasons = []Reason{
	{CodeNotFound, "There is no such record.", "It may have been deleted meanwhile. Look again.", ActorNobody},
	{CodeNotInvitable, "The person cannot get a set-up mail: disabled, blocked, without an address, or signed in already.",
		"`usher user show` says which of these it is.", ActorAdmin},
	{CodeStale, "The record was changed by somebody else meanwhile, so this change was not made.",
		"Nothing has to be done after a sync: the next run looks again. A SCIM client reads the record and repeats its request.", ActorNobody},
}

// leavingReasons say why somebody was switched off or removed.
var leavingReasons = []Reason{
	{"missing", "A complete read of the source did not show the record any more.",
		"If the person is still there, look at the source's base and filter. Coming back restores them within the grace.", ActorNobody},
	{"out_of_scope", "The record is there, but the source's scope leaves it out now.",
		"If that is not meant, look at the scope and at the record's values. Coming back restores the person.", ActorNobody},
	{handed, "The source was given up, and the person or group belongs to somebody else from now on: to the company's admins, or to another source.",
		"Nothing has to be done.", ActorNobody},
	{"no_successor", "The source that is given up knows somebody whom the one that is to take over does not have: neither by id nor by userName, or not clearly.",
		"Tie them by hand with `usher source link`, or give up the rest with --release or --deactivate.", ActorAdmin},
	{"grace_over", "The person has been gone for the whole grace period and was deleted.",
		"Nothing has to be done. A return under the same id still restores them.", ActorNobody},
}

// guardReasons are the guard's limits.
var guardReasons = []Reason{
	{"guard", "The run would do more harm than the guard's limits allow, so it changed nothing and waits.",
		"Read what it lists. Approve it if all of that is meant, else reject it and mend the directory or the scope.", ActorAdmin},
	{"deactivate", "More people would be deactivated than the guard allows.", "Decide on the held run.", ActorAdmin},
	{"delete", "More people would be deleted after their grace than the guard allows.", "Decide on the held run.", ActorAdmin},
	{"group_delete", "More groups would be deleted than the guard allows.", "Decide on the held run.", ActorAdmin},
	{"membership_remove", "More memberships would be removed than the guard allows.", "Decide on the held run.", ActorAdmin},
	{"membership_remove_per_group", "More members would be removed from one group than the guard allows.", "Decide on the held run.", ActorAdmin},
	{"rename", "More people would be renamed than the guard allows.", "Decide on the held run.", ActorAdmin},
	{"mail_change", "More people would get another mail address than the guard allows.", "Decide on the held run.", ActorAdmin},
	{"create", "More people would be created in one run than the guard allows.", "Decide on the held run.", ActorAdmin},
	{"adopt", "More people would be taken over by entries made anew than the guard allows; their passwords would end.",
		"Look whether the directory was rebuilt or restored under new ids. Decide on the held run.", ActorAdmin},
	{"minimum_population", "The source gives fewer people than there must be.",
		"Look at the source with `usher source test`; decide on the held run if it is meant.", ActorAdmin},
	{"settings_changed", "The source's settings were changed, and the first run with them would deactivate, delete or remove.",
		"Read what it lists and decide: a changed base, filter or scope takes people out.", ActorAdmin},
	{"empty", "The source gave nobody, or no group, where there were some. No setting lifts this limit.",
		"Look at the source with `usher source test`: base, filter, and what the reading account may see.", ActorOperator},
}

// runReasons say why a run as a whole ended as it did.
var runReasons = []Reason{
	{"source_auth", "The directory refused the credentials. Nobody was touched.",
		"Renew the reading account's password, then `usher source test`.", ActorOperator},
	{"source_unreachable", "The directory could not be reached, or the connection broke. Nobody was touched.",
		"See that it is up and reachable from here; the next run tries again.", ActorOperator},
	{"source_answer", "The directory answered something a run cannot be based on. Nobody was touched.",
		"See the message; `usher source test` shows what the server is.", ActorOperator},
	{"source_cursor", "The place where the last read ended does not fit the directory, not even after a full read. Nobody was touched.",
		"`usher source test` shows what the server is; `usher sync run --full` reads everything whole.", ActorOperator},
	{"source_failed", "The source could not be read, for a reason it has no word for. Nobody was touched.",
		"The log has the details.", ActorOperator},
	{"temporary_file", "The folder for temporary files could not be used; people wait there between reading and writing.",
		"See to its space and rights, or set TMPDIR.", ActorOperator},
	{"store_failed", "The registry's database did not take a change. What was done before stands.",
		"The log has the details. Run the source again.", ActorOperator},
	{"cancelled", "The run was stopped. What it had done stands, and the next run goes on from there.", "Run the source again.", ActorNobody},
	{"lease_lost", "Another process took the source over, and this one wrote nothing more.", "See the run of the other process.", ActorNobody},
}
