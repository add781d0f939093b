package store

import "github.com/usherd/usher/ent/db"

// Rows is Ent without the fence, for tests to arrange rows and to look at them.
func (s *Store) Rows() *db.Client { return s.entWrite() }
