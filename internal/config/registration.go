package config

// Registration says who may make an account themselves.
type Registration struct {
	// Users register with the number of a service contract.
	Users bool `yaml:"users"`
	// Staff register with a company that is here, or found one.
	Staff bool `yaml:"staff"`
}
