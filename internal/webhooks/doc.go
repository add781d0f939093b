// Package webhooks tells other programs what happened, by the Standard Webhooks
// specification (https://www.standardwebhooks.com): it makes and rotates the
// secrets that sign, sends what is due, judges the answers, tries again for three
// days, and looks where a request would go before it goes there. Admins set the
// addresses, so a webhook must not become a way into the network that usher
// stands in.
//
// It does not write the events: internal/store does, in the transaction of what
// they tell of, so that no change is ever untold and none that was undone told.
// What an event is called stands in internal/registry.
//
// A delivery may arrive twice, after a crash between the answer and our commit,
// and deliveries may overtake one another: receivers tell them apart by the
// webhook-id, which all attempts share, and look the record up.
package webhooks
