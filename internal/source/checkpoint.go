package source

import "context"

// Checkpoint keeps the pages of a read outside the process, so that a read that is
// cut off goes on in the next one where it stopped. What a page says is the source's
// own; it may hold people's data, and whoever fills this port keeps it sealed and no
// longer than it is of use. A source that does not use it reads as ever.
type Checkpoint interface {
	// Load gives the pages that were saved of this very read, in order, those that
	// were saved since it began too, and drops those of any other and those too old.
	// An error of fn ends it and is returned. It is an error when pages that were
	// saved are not there; after any but the context's the source calls Drop.
	Load(ctx context.Context, read string, fn func(page []byte) error) error
	// Save adds a page, which is the callee's to keep. It is written beside the
	// reading; a page that could not be written costs a later read, not this one.
	Save(page []byte)
	// Drop forgets all pages: the read begins anew.
	Drop(ctx context.Context) error
}
