package store_test

import (
	"context"

	"github.com/usherd/usher/internal/registry"
)

// entraClimbed are the methods that seeNoTwins tries.
var entraClimbed = []string{"Twins"}

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
}
