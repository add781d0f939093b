package graphfake

// The words the generated people are made of: several scripts, accents, an
// apostrophe, a space.
var (
	givenNames = []string{
		"Adele", "Alex", "Diego", "Grady", "Henrietta", "Isaiah", "Johanna", "Joni", "Lee", "Lidia", "Lynne", "Megan",
		"Miriam", "Nestor", "Patti", "Pradeep", "Chiara", "Niccolò", "Giulia", "Ольга", "Сергей", "Zoë", "José", "Jürgen",
		"Åsa", "Siobhán", "Łukasz", "Mei Ling", "Haruto", "Fatima",
	}
	surnames = []string{
		"Vance", "Wilber", "Siciliani", "Archie", "Mueller", "Langer", "Lorenz", "Sherman", "Gu", "Holloway", "Robbins",
		"Bowen", "Graham", "Wilke", "Fernandez", "Gupta", "D'Amico", "De Luca", "Esposito", "Иванова", "Кузнецов", "Müller",
		"Nguyễn", "Núñez", "O'Brien", "Wójcik", "Østergaard", "van der Berg",
	}
	jobTitles   = []string{"Engineer", "Senior Engineer", "Accountant", "Designer", "Contractor", "Sales Manager", "Technician", "Analyst", "Intern"}
	departments = []string{"Sales", "Research", "Support", "Finance", "Legal", "Production", "Logistics", "IT"}
	companies   = []string{"Contoso", "Contoso Italia", "Fabrikam"}
	kinds       = []string{"Employee", "Contractor", "Consultant"}
	cities      = [][3]string{{"Milano", "Italy", "IT"}, {"Roma", "Italy", "IT"}, {"Berlin", "Germany", "DE"}, {"Dublin", "Ireland", "IE"}, {"Pittsburgh", "United States", "US"}}
	languages   = []string{"it-IT", "en-US", "de-DE", "en-GB"}
	// skus are product names of resources/subscribedsku.md's reference list:
	// Microsoft 365 E3 and E5, Power BI Pro.
	skus = []string{"05e9a617-0261-4cee-bb44-138d3ef5d965", "06ebc4ee-1bb5-47dd-8120-11324bc54e06", "f8a1db68-be16-40ed-86d5-cb42ce701560"}
)
