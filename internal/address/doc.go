// Package address owns what a mail address is to usher: which text is one, its
// canonical form, and the forms by which a directory may know the same mailbox.
// Whatever has an address from a stranger goes through here, because two readers
// who disagree on where an address ends disagree on who wrote.
//
// It does not read headers (internal/intake does) and knows nobody's addresses.
package address
