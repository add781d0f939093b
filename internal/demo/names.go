package demo

// name is a name as its bearer writes it, and in plain Latin letters for login
// names and addresses.
type name struct{ native, plain string }

// family is a family name; in some languages it differs for men and women.
type family struct{ man, woman name }

// culture is a pool of names and the place most of its people work at.
type culture struct {
	language string // preferredLanguage
	office   string
	phone    string // country and area prefix
	share    int    // people out of the whole
	// familyFirst is the order in which a full name is written.
	familyFirst bool
	women, men  []name
	families    []family
}

// same are names written in plain Latin letters.
func same(plain ...string) []name {
	out := make([]name, len(plain))
	for i, p := range plain {
		out[i] = name{p, p}
	}
	return out
}

// pairs are names given as native, plain, native, plain, and so on.
func pairs(s ...string) []name {
	out := make([]name, 0, len(s)/2)
	for i := 0; i+1 < len(s); i += 2 {
		out = append(out, name{s[i], s[i+1]})
	}
	return out
}

// families are family names that do not change.
func families(names []name) []family {
	out := make([]family, len(names))
	for i, n := range names {
		out[i] = family{n, n}
	}
	return out
}

// gendered are family names given as the man's form; the rule makes the woman's.
func gendered(names []name, rule func(name) name) []family {
	out := make([]family, len(names))
	for i, n := range names {
		out[i] = family{n, rule(n)}
	}
	return out
}

// cultures are the pools the sample people are drawn from.
func cultures() []culture {
	return []culture{italian(), russian(), english(), german(), polish(), french(), japanese()}
}

func italian() culture {
	return culture{
		language: "it-IT", office: "Milano", phone: "+39 02 5550", share: 95,
		women: same("Giulia", "Chiara", "Francesca", "Sara", "Martina", "Elisa", "Valentina", "Alessia", "Ilaria", "Beatrice", "Caterina", "Paola"),
		men: append(same("Luca", "Marco", "Matteo", "Davide", "Alessandro", "Simone", "Federico", "Lorenzo", "Stefano", "Giovanni", "Pietro"),
			name{"Nicolò", "Nicolo"}),
		families: families(append(same("Rossi", "Bianchi", "Ferrari", "Esposito", "Romano", "Colombo", "Ricci", "Marino", "Greco", "Bruno",
			"Gallo", "Conti", "Mancini", "Costa", "Giordano", "Rizzo", "Lombardi", "Moretti", "Barbieri", "Fontana"),
			name{"De Luca", "DeLuca"}, name{"D’Angelo", "DAngelo"}, name{"Nicolì", "Nicoli"})),
	}
}

func russian() culture {
	return culture{
		language: "ru-RU", office: "Москва", phone: "+7 495 555", share: 60,
		women: pairs("Анна", "Anna", "Мария", "Maria", "Екатерина", "Ekaterina", "Ольга", "Olga", "Наталья", "Natalia", "Татьяна", "Tatiana",
			"Елена", "Elena", "Дарья", "Daria", "Ксения", "Ksenia", "Светлана", "Svetlana"),
		men: pairs("Алексей", "Aleksei", "Дмитрий", "Dmitri", "Сергей", "Sergei", "Иван", "Ivan", "Михаил", "Mikhail", "Андрей", "Andrei",
			"Николай", "Nikolai", "Пётр", "Petr", "Артём", "Artem", "Юрий", "Yuri"),
		families: gendered(pairs("Иванов", "Ivanov", "Смирнов", "Smirnov", "Кузнецов", "Kuznetsov", "Попов", "Popov", "Васильев", "Vasilev",
			"Соколов", "Sokolov", "Михайлов", "Mikhailov", "Новиков", "Novikov", "Фёдоров", "Fedorov", "Морозов", "Morozov", "Волков", "Volkov",
			"Лебедев", "Lebedev", "Козлов", "Kozlov", "Щукин", "Shchukin"),
			func(n name) name { return name{n.native + "а", n.plain + "a"} }),
	}
}

func english() culture {
	return culture{
		language: "en-GB", office: "London", phone: "+44 20 5550", share: 50,
		women: same("Emma", "Olivia", "Grace", "Charlotte", "Hannah", "Lucy", "Priya", "Aisha", "Rebecca", "Megan"),
		men:   same("Oliver", "James", "Harry", "Thomas", "Daniel", "Samuel", "Arjun", "Omar", "Callum", "Edward"),
		families: families(append(same("Smith", "Jones", "Taylor", "Brown", "Williams", "Patel", "Khan", "Evans", "Walker", "Hughes", "Green", "Clarke", "Okafor"),
			name{"O’Brien", "OBrien"}, name{"Lloyd-Hughes", "Lloyd-Hughes"})),
	}
}

func german() culture {
	return culture{
		language: "de-DE", office: "Berlin", phone: "+49 30 5550", share: 40,
		women: append(same("Lena", "Katharina", "Sabine", "Heike", "Ursula", "Mia"), pairs("Jördis", "Joerdis", "Käthe", "Kaethe")...),
		men:   append(same("Lukas", "Felix", "Jonas", "Wolfgang", "Stefan", "Matthias"), pairs("Jürgen", "Juergen", "Björn", "Bjoern")...),
		families: families(append(same("Schmidt", "Schneider", "Fischer", "Weber", "Wagner", "Becker", "Hoffmann", "Koch", "Richter"),
			pairs("Müller", "Mueller", "Schäfer", "Schaefer", "Groß", "Gross", "Yılmaz", "Yilmaz")...)),
	}
}

func polish() culture {
	return culture{
		language: "pl-PL", office: "Warszawa", phone: "+48 22 555", share: 25,
		women: append(same("Agnieszka", "Joanna", "Katarzyna", "Zofia"), pairs("Małgorzata", "Malgorzata", "Elżbieta", "Elzbieta")...),
		men:   append(same("Piotr", "Krzysztof", "Tomasz", "Jan"), pairs("Paweł", "Pawel", "Michał", "Michal", "Łukasz", "Lukasz")...),
		families: append(gendered(append(same("Kowalski", "Lewandowski", "Kaczmarski"), pairs("Wiśniewski", "Wisniewski", "Dąbrowski", "Dabrowski", "Zieliński", "Zielinski")...),
			func(n name) name {
				return name{n.native[:len(n.native)-1] + "a", n.plain[:len(n.plain)-1] + "a"}
			}), families(append(same("Nowak"), pairs("Wójcik", "Wojcik", "Szczepańczyk", "Szczepanczyk")...))...),
	}
}

func french() culture {
	return culture{
		language: "fr-FR", office: "London", phone: "+33 1 5550", share: 15,
		women:    append(same("Camille", "Manon", "Louise"), pairs("Zoé", "Zoe", "Hélène", "Helene")...),
		men:      append(same("Hugo", "Antoine", "Julien"), pairs("François", "Francois", "Jérôme", "Jerome")...),
		families: families(append(same("Martin", "Bernard", "Dubois", "Laurent"), pairs("Lefèvre", "Lefevre", "Le Gall", "LeGall", "N’Diaye", "NDiaye")...)),
	}
}

func japanese() culture {
	return culture{
		language: "ja-JP", office: "東京", phone: "+81 3 5550", share: 15, familyFirst: true,
		women:    pairs("花子", "Hanako", "美咲", "Misaki", "由美", "Yumi", "さくら", "Sakura", "陽菜", "Hina", "恵子", "Keiko"),
		men:      pairs("太郎", "Taro", "健一", "Kenichi", "翔太", "Shota", "大輔", "Daisuke", "直樹", "Naoki", "誠", "Makoto"),
		families: families(pairs("山田", "Yamada", "佐藤", "Sato", "鈴木", "Suzuki", "高橋", "Takahashi", "田中", "Tanaka", "渡辺", "Watanabe", "伊藤", "Ito", "中村", "Nakamura")),
	}
}

// department is a part of the sample company.
type department struct {
	key, name string
	number    string
	titles    []string // the head's first
}

func departments() []department {
	return []department{
		{"management", "Management", "100", []string{"Chief Executive Officer", "Chief Financial Officer", "Assistant to the Board"}},
		{"sales", "Sales", "210", []string{"Head of Sales", "Account Manager", "Sales Representative", "Sales Engineer"}},
		{"marketing", "Marketing", "220", []string{"Head of Marketing", "Content Editor", "Campaign Manager"}},
		{"support", "Customer Support", "230", []string{"Head of Support", "Support Agent", "Senior Support Agent", "Team Lead"}},
		{"development", "Ricerca, Sviluppo", "310", []string{"Head of Development", "Software Developer", "Senior Software Developer", "Test Engineer"}},
		{"operations", "IT Operations", "320", []string{"Head of IT", "System Administrator", "Network Engineer"}},
		{"production", "Produzione", "410", []string{"Plant Manager", "Machine Operator", "Quality Inspector", "Shift Leader"}},
		{"warehouse", "Magazzino", "420", []string{"Warehouse Manager", "Warehouse Worker", "Driver"}},
		{"purchasing", "Purchasing", "510", []string{"Head of Purchasing", "Buyer"}},
		{"finance", "Finance & Controlling", "520", []string{"Head of Finance", "Accountant", "Controller"}},
		{"hr", "Human Resources", "530", []string{"Head of Human Resources", "Recruiter", "Payroll Clerk"}},
		{"legal", "Legal", "540", []string{"General Counsel", "Lawyer", "Contractor"}},
	}
}
