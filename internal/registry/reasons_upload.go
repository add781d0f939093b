package registry

// CodeUploadState is the refusal of what an upload's state does not allow.
const CodeUploadState Code = "upload_state"

// uploadReasons are about the rows of uploaded files.
var uploadReasons = []Reason{
	{CodeUploadState, "The upload is not in a state that allows this, or it does not say yet who its rows are about.",
		"See the message. What was carried out or discarded is uploaded again; a column that tells who a row is about is chosen in the console.", ActorAdmin},
	{"bad_row", "A row of the file could not be cut into cells, or has more of them than the header.",
		"See the message; mend the row in the file of failed rows and upload that.", ActorAdmin},
	{"key_missing", "The row has nothing in the column that says who it is about.",
		"Fill it in, or choose another column as the key.", ActorAdmin},
	{"duplicate_row", "Another row of the file is about the same person; the first one counts.",
		"Keep one of the two.", ActorAdmin},
	{"rights_not_uploaded", "The row would give a right. Rights are given to one person at a time, and not by a file.",
		"Empty the column, upload the row, and give the right in the console or by `usher user create --admin`.", ActorAdmin},
	{"unknown_kind", "The row says a kind of person that there is not.", "Write end_user or support_staff.", ActorAdmin},
	{"several_groups", "Several groups have the name that the file says, so nobody was added to any.",
		"Rename all but one, then upload the file again.", ActorAdmin},
}
