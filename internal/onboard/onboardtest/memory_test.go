package onboardtest

import "testing"

func TestMemory(t *testing.T) {
	Run(t, func(testing.TB) Fixture { return NewMemory() })
}
