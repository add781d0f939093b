// Package browser starts a real Chromium for tests that look at pages the way
// people do. It owns finding and starting it, and tabs of a given size, colour
// scheme and language; what is looked at is the test's.
package browser
