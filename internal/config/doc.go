// Package config owns the configuration file: its shape, its defaults, what in
// it is wrong, and the secrets it names. Load reads the YAML file, expands
// ${VAR} in its values, fetches secrets from files and USHER_ variables, and
// reports every fault at once, each with its place and what to do about it.
//
// It does not own what expressions and LDAP filters mean: internal/mapping and
// internal/source/ldap compile those, and internal/app puts their faults beside
// these with Config.Fault. It keeps no globals and reads no environment but
// through the function it is given.
package config
