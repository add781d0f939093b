// Package onboard owns how a person gets and keeps the means to sign in: the
// mailed set-up and reset links, setting and changing a password, and judging a
// sign-in. It decides; the Store port carries each decision out as one
// conditional transaction.
//
// It also owns registration: judging a form, and deciding by the product's rules
// what becomes of it (Registrar over the Registrations port).
//
// It does not own hashing, password rules, limits or sessions (internal/auth),
// pages (internal/web/self), how a mail looks and leaves (internal/mail), or
// rows (internal/store).
//
// # Links
//
// A link's token is an HMAC of its id under the server's key, so a retried mail
// carries the same link; only the token's SHA-256 is stored. Opening a link
// changes nothing, however often and by whomever it is fetched. It is spent by
// the one update that also sets the password. A link is bound to a person, a
// purpose, an address and the credential version it was made for.
//
// # Requests by strangers
//
// Whoever asks for a new link gets one answer at once; whether there is such a
// person is looked up afterwards in the background (Service.Run), so neither
// words nor timing tell who exists. The queue of such requests is bounded and
// in memory on purpose: a stranger must not be able to write rows, and a
// request lost in a crash is asked for again.
//
// # Contacts
//
// People who never signed in are met by one service, whatever door they come by
// (Contacts), and looked after by another (ContactCare). The rules are the
// registry's (registry.Meet). Every mailbox is tied at the one mail door, also
// when a helpdesk named it: that tie is what makes a contact of one address one
// contact, however many messages arrive at once.
//
// A contact's userName is contact- and its public id. An address would be a name
// that its owner wants later, in the directory or at registration, and would then
// be taken by a record that anybody can make by writing a mail; a name guessed
// from the address is taken even sooner. Nobody asks for a random id.
//
// # Registration
//
// A form is answered by what is in it and nothing else. It becomes one row, behind
// limits that all processes share and a proof of work; a worker looks up what it
// says afterwards. So a page tells nobody whether a login name, a contract or a
// company exists, not even behind the limits: what a check of free names would
// spare people is little beside what it would tell everybody else. Who is refused
// gets no mail either, because that would be usher writing to strangers on
// anybody's word; the answer says what to try. Only the holder of a taken name, if
// the address is theirs, is mailed a link to the account they forgot.
//
// Who does no work, for want of a script, waits for a person: the company's admin,
// or an operator for a new company.
//
// A contact with the address stays a contact until the link is followed, and then
// becomes the account in the transaction that spends the link. A mail to an
// address that nobody has proved holds nothing that was typed, whatever asks for
// it: the store leaves names out when it hands a mail over.
package onboard
