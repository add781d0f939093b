package app

import "context"

// MailDigests makes the digests that are due, as the regular work does.
func (s *Server) MailDigests(ctx context.Context) error { return s.mailDigests(ctx) }
