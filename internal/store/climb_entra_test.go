package store_test

import (
	"context"
	"errors"

	"github.com/usherd/usher/internal/registry"
)

// entraClimbed are the methods that seeNoTwins tries.
var entraClimbed = []string{"Twins", "KeptPages", "KeepPages", "ForgetPages"}

func (c *climber) seeNoTwins(ctx context.Context) {
	other := c.src.Origin
	other.Kind = registry.OriginEntra
	err := c.b.Twins(ctx, other, func(r registry.Candidate) error {
		c.t.Errorf("a person of A: %+v", r)
		return nil
	})
	if err != nil {
		c.t.Error(err)
	}
	c.seeNoPages(ctx)
}

func (c *climber) seeNoPages(ctx context.Context) {
	page := []registry.ReadPage{{Number: 1, Read: "r", BeganAt: c.now, Body: []byte("a")}}
	if err := c.a.KeepPages(c.t.Context(), c.fence, page); err != nil {
		c.t.Fatal(err)
	}
	if pages, err := c.b.KeptPages(ctx, c.src.ID, 0, 10); len(pages) != 0 || err != nil {
		c.t.Errorf("pages of A: %v, %v", pages, err)
	}
	page[0].Number = 2
	for what, err := range map[string]error{"keep": c.b.KeepPages(ctx, c.fence, page), "forget": c.b.ForgetPages(ctx, c.fence)} {
		if !errors.Is(err, registry.ErrFenced) {
			c.t.Errorf("%s pages of A: %v", what, err)
		}
	}
	want(c.t, "pages of A", c.number(`SELECT count(*) FROM read_pages WHERE company_id = %d`, c.src.Company), 1)
}
