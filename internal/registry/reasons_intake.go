package registry

// intakeReasons say what became of a message from somebody who did not sign in.
var intakeReasons = []Reason{
	{"unreadable", "The message's header does not end where one has to. It made nobody.", "Look at what delivers such messages.", ActorOperator},
	{"no_sender", "The message names nobody in From. It made nobody.", "Nothing has to be done.", ActorNobody},
	{"bad_sender", "From holds no address that mail can be sent to. The message made nobody.",
		"If a person wrote it, make the contact by hand: `usher contact create`.", ActorAdmin},
	{"several_senders", "The message names several senders, which is what forgeries do. It made nobody.",
		"If a person wrote it, make the contact by hand: `usher contact create`.", ActorAdmin},
	{"null_return_path", "The message is a bounce: it has no address to return to. It made nobody.", "Nothing has to be done.", ActorNobody},
	{"delivery_report", "The message is a report about another one: undelivered, read, complained of. It made nobody.", "Nothing has to be done.", ActorNobody},
	{"auto_submitted", "A program wrote the message and says so (Auto-Submitted). It made nobody.", "Nothing has to be done.", ActorNobody},
	{"auto_reply", "The message is an automatic answer, such as an absence note. It made nobody.", "Nothing has to be done.", ActorNobody},
	{"bulk", "The message was sent to many (Precedence). It made nobody.", "Nothing has to be done.", ActorNobody},
	{"mailing_list", "The message came through a mailing list, which is not its writer. It made nobody.",
		"Where the list is your own and rewrites senders, name it under `intake.forwarders`.", ActorOperator},
	{"loop", "Our own message came back. It made nobody.", "Look at who passes our mails on to the intake.", ActorOperator},
	{"too_many_hops", "The message was passed on more than fifty times, as in a loop. It made nobody.", "Look at the way mail takes to the intake.", ActorOperator},
	{"own_address", "The message is from an address of the helpdesk's own. It made nobody.", "Nothing has to be done.", ActorNobody},
	{"robot", "The message is from a mailbox that nobody reads, such as no-reply. It made nobody.", "Nothing has to be done.", ActorNobody},
	{"too_many", "One sender wrote more messages than a person would. This one was not looked at.",
		"If it is a program that should not write here, stop it; else raise `intake.per_sender`.", ActorOperator},
	{"thread_too_long", "One sender wrote more messages in one thread than a person would: two programs may be answering each other.",
		"Stop one of the two; else raise `intake.per_thread`.", ActorOperator},
	{"idle", "Nothing was heard of the contact for the set time. It was told, and then anonymised.",
		"Nothing has to be done. Who writes again is a new contact. The time is `contacts.idle`.", ActorNobody},
}
