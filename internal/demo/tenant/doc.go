// Package tenant is the sample company's tenant of Entra ID in usher's demo: the
// Graph simulator of internal/testkit with a few dozen people, and what happens to
// them from day to day. It is a real one to whoever reads it, sign-in and
// certificate included, and everything about it is made up.
//
// It does not own the simulator's answers (internal/testkit/graphfake), nor the
// demo's LDAP directory (internal/demo).
package tenant
