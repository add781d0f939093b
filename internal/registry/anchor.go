package registry

import "strings"

// NoExternalID begins the anchor of a record whose SCIM client gave no externalId.
// The rest was made up here, so that no client can name it again.
const NoExternalID = "~"

// ExternalID is what a SCIM client gave as a record's externalId, "" for none.
func ExternalID(anchor string) string {
	if strings.HasPrefix(anchor, NoExternalID) {
		return ""
	}
	return anchor
}
