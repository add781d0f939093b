// Package scimtest helps to test what speaks SCIM: a conformance suite that
// every scim.Backend must pass (RunBackend), a player for transcripts of what
// identity providers send (Play), and Memory, a small backend that shows what
// the suite asks for.
//
// Memory is for tests alone: it walks over everything for each question.
package scimtest
