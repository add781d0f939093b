package registry

import "strings"

// deedWords say what was done, by the code that the audit keeps. A test of
// internal/web/admin finds every deed that the program writes and asks for its
// words.
var deedWords = map[string]Said{
	DeedSignIn: Say("signed in"), DeedSignOut: Say("signed out"), DeedSecondFactor: Say("second factor shown"), DeedTied: Say("tied to an identity provider"),
	DeedFactorAdd: Say("second factor added"), DeedFactorRemove: Say("second factor removed"), DeedFactorReset: Say("second factors reset"),
	DeedRecoveryCodes: Say("recovery codes made"), DeedSessionEnd: Say("sessions ended"),

	"applicant.activate": Say("application accepted"), "applicant.refuse": Say("application refused"),
	"client.create": Say("OAuth client created"), "client.rotate": Say("OAuth client's secret renewed"), "client.revoke": Say("OAuth client revoked"),
	"company.change": Say("company's settings changed"), "company.verify": Say("company vouched for"), "connection.change": Say("connection changed"), "connection.create": Say("connection created"),
	"connection.delete": Say("connection deleted"), "connection.pause": Say("connection paused"), "connection.resume": Say("connection resumed"),
	"contact.meet": Say("contact met"), "contact.promote": Say("account made of a contact"), "contact.recognise": Say("contact recognised"),
	"contract.create": Say("contract created"), "contract.end": Say("contract ended"), "department.create": Say("department created"),
	"diagnostics.run": Say("diagnostics run"), "digest.make": Say("digest made"), "domain.add": Say("domain added"), "domain.verify": Say("domain proven"),
	"group.add": Say("member added to a group"), "group.create": Say("group created"), "group.default": Say("default group chosen"), "group.remove": Say("member taken from a group"),
	"mail.cancel": Say("mail cancelled"), "mail.release": Say("mail released"), "mail.release_all": Say("mails released"), "mail.resend": Say("mail sent again"),
	"mail.take_in": Say("mail taken in"), "match.decide": Say("match decided"), "operator.create": Say("operator created"), "operator.remove": Say("operator removed"),
	"person.activate": Say("person let in"), "person.block": Say("person blocked"), "person.create": Say("person created"), "person.erase": Say("person erased"),
	"person.export": Say("person's data given out"), "person.invite": Say("person invited"), "person.lift_erasure": Say("erasure lifted"), "person.link": Say("person tied to an entry"),
	"person.merge": Say("people merged"), "person.protect": Say("person protected"), "person.remove": Say("person deleted"), "person.rights": Say("rights changed"),
	"person.unblock": Say("person unblocked"), "person.unmerge": Say("people separated"), "person.unprotect": Say("person's protection lifted"),
	"run.approve": Say("run approved"), "run.cancel": Say("run cancelled"), "run.one": Say("one person synchronised"), "run.reject": Say("run rejected"),
	"run.retry": Say("run tried again"), "run.start": Say("run started"),
	"source.forget": Say("parted from a source"), "source.pause": Say("source paused"), "source.resume": Say("source resumed"), "source.schedule": Say("schedule set"),
	"source.schedule_return": Say("schedule given back to the configuration"), "source.test": Say("source tested"),
	"token.create": Say("token created"), "token.revoke": Say("token revoked"), "token.rotate": Say("token renewed"),
	"upload.confirm": Say("upload confirmed"), "upload.discard": Say("upload discarded"), "upload.failed_rows": Say("failed rows of an upload taken"),
	"upload.preview": Say("upload previewed"), "upload.read": Say("upload's reading changed"), "upload.receive": Say("file uploaded"),
	"webhook.create": Say("webhook created"), "webhook.delete": Say("webhook deleted"), "webhook.disable": Say("webhook disabled"), "webhook.enable": Say("webhook enabled"),
	"webhook.replay": Say("delivery repeated"), "webhook.replay_failed": Say("failed deliveries repeated"), "webhook.rotate": Say("webhook's secret renewed"),
	"webhook.test": Say("webhook tested"), "webhook.update": Say("webhook changed"),
}

// exported are the lists that are given out as files, by the operation of the API.
var exported = map[string]Said{
	"listApplicants": Say("applications"), "listChanges": Say("changes"), "listConnections": Say("connections"), "listContracts": Say("contracts"), "listDeeds": Say("audit"),
	"listDeliveries": Say("deliveries"), "listDepartments": Say("departments"), "listDomains": Say("domains"), "listGroups": Say("groups"), "listIntake": Say("mail taken in"),
	"listMails": Say("mails"), "listMembers": Say("members of a group"), "listMerges": Say("merges"), "listPeople": Say("people"), "listPersonChanges": Say("changes of a person"),
	"listReasons": Say("reasons"), "listRequests": Say("requests"), "listRows": Say("rows of a report"), "listRuns": Say("runs"), "listSources": Say("sources"),
	"listTeam": Say("team"), "listTokens": Say("tokens"), "listUploadRows": Say("rows of an upload"), "listUploads": Say("uploads"), "listWebhooks": Say("webhooks"),
}

// DeedWord says what was done; a deed of an older release is the code that it is.
func DeedWord(action string) Said {
	if list, ok := strings.CutPrefix(action, "export."); ok && exported[list] != "" {
		return Say("export: %s", exported[list])
	}
	if w, ok := deedWords[action]; ok {
		return w
	}
	return Verbatim(action)
}
