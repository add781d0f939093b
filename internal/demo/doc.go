// Package demo holds the sample company of usher demo: a directory of about 300
// believable people in several languages and some 25 groups, with the awkward
// cases every real directory has, served over LDAP as a client of OpenLDAP
// would see it. Its days can be turned: a next day with hires, leavers and
// renames, a bad day on which most people vanish, and the recovery from it. All
// of it follows from a seed.
//
// It does not own the commands and pages of the demo (internal/app), the
// catcher of its mails (internal/mailcatcher), or reading a directory
// (internal/source). Tests of the LDAP source use real servers instead.
package demo
