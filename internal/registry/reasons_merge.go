package registry

// mergeReasons are about two people who are one, and about people who were erased.
var mergeReasons = []Reason{
	{CodeTwoDirectories, "Both people are in a directory or connection, which would each go on keeping its own. Two such people are never merged.",
		"Delete one of the two objects, or take it out of its directory's scope; merge when it is gone.", ActorDirectory},
	{CodeMergeDirection, "The person to be merged away is one that an identity provider knows by the id they have here.",
		"Merge the other way round: into the person whom the identity provider knows.", ActorAdmin},
	{CodeKindsDiffer, "One person is an end user and the other one support staff.", "See whether they are one person. If so, make both of one kind and merge them then.", ActorAdmin},
	{CodeMergeOver, "The merge cannot be undone any more: it was undone already, its time is over, or what undoing needs was erased.",
		"Mend by hand what is wrong.", ActorAdmin},
	{CodeMergeChanged, "The person is gone since: merged into somebody else, or deleted.",
		"Undo the later merge first, or bring the person back.", ActorAdmin},
	{CodeErased, "Everything that was held on this person was erased, and nobody brings them back by accident: the id, name or address is kept as a hash alone.",
		"Have the record removed where it comes from. If the person is to be here again, allow it: `usher user erase WHO --lift`, or in the console.", ActorAdmin},
	{"merged", "The two people were one and the same, and one took the other's place.",
		"Nothing has to be done. `usher user merge --undo` separates them while that is possible.", ActorNobody},
	{"merge_undone", "Two people who had been merged were separated again. Passwords and second factors that the merge destroyed stay so.",
		"Invite who has nothing to sign in with: `usher user invite`.", ActorAdmin},
	{"erasure_lifted", "Somebody allowed a person who was erased to be created anew.", "Nothing has to be done: the next run, or request, makes a new person.", ActorNobody},
}
