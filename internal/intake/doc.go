// Package intake owns the doors at which people turn up who did not sign in: a
// mail that was delivered here (by LMTP, SMTP or the API), and a message in
// Microsoft Teams. It decides who, if anybody, a message is from, what is known of
// that sender's authenticity, and which messages make nobody: robots, lists,
// loops, our own.
//
// It does not decide who a sender is in the registry: that is the People port. It
// keeps nothing of a message beyond its sender and what became of it, answers no
// sender, and verifies no signature itself: a mail server in front of it does
// that, and says so in Authentication-Results.
package intake
