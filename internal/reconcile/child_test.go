package reconcile_test

const childEnv = "USHER_RECONCILE_CHILD"

func child() int { return 0 }
