// Package said holds the sentences that are kept (registry.Said) in the languages
// beside English, and puts them into a reader's language. A sentence is known by
// its English format, as with gettext: a catalogue maps it to the translation, or
// to one for each plural form of the first whole number among its arguments.
// Arguments that change places are numbered (%[2]s). Old rows, plain English, and
// what somebody outside said are shown as they are.
//
// It does not own the words of pages and mails, which are theirs (web/locales,
// mail/locales), nor the choice of language.
//
// Chosen over codes with named arguments: the code that refuses something reads as
// what it says, English needs no catalogue and so cannot go missing in a log, and
// what an older release stored can always be shown.
package said
