package mail

// WireAddress is parseRecipient for tests.
func WireAddress(to string) (string, bool) {
	r, err := parseRecipient(to)
	return r.address, err == nil
}
