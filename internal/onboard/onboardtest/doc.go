// Package onboardtest holds the suite that every implementation of
// onboard.Store and auth.SessionStore must pass, and Memory, a small one with
// the same conditional updates for the tests of the rooms above. It is for
// tests only.
package onboardtest
