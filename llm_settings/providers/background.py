"""Sentences about nothing in particular: what a question is compared with to see what its cosines are worth.

Some questions are close to everything and some to nothing, and in an embedding all texts of one language lie
together. The same eight sentences in each language, the language of the passages, take both out.
"""

from __future__ import annotations

import re

DEFAULT_LANGUAGE = "en"

BACKGROUND: dict[str, list[str]] = {
    "en": [
        "The town council approved the budget for road repairs on Tuesday.",
        "Water vapor condenses into droplets as warm air rises and cools.",
        "The festival attracts thousands of visitors to the region every summer.",
        "Customers may return unopened goods within thirty days for a full refund.",
        "The software stores each change in a log file and restores it after a crash.",
        "Patients who took the drug slept longer than those in the control group.",
        "The novel tells the story of a fisherman and his three daughters.",
        "Exports of wheat and maize grew by four percent last year.",
    ],
    "de": [
        "Der Stadtrat genehmigte am Dienstag den Haushalt für die Straßenreparaturen.",
        "Wasserdampf kondensiert zu Tröpfchen, wenn warme Luft aufsteigt und abkühlt.",
        "Das Festival lockt jeden Sommer Tausende von Besuchern in die Region.",
        "Kunden können ungeöffnete Ware innerhalb von dreißig Tagen gegen volle Erstattung zurückgeben.",
        "Die Software speichert jede Änderung in einer Protokolldatei und stellt sie nach einem Absturz wieder her.",
        "Patienten, die das Medikament nahmen, schliefen länger als die der Kontrollgruppe.",
        "Der Roman erzählt die Geschichte eines Fischers und seiner drei Töchter.",
        "Die Ausfuhr von Weizen und Mais wuchs im letzten Jahr um vier Prozent.",
    ],
    "fr": [
        "Le conseil municipal a approuvé mardi le budget des travaux de voirie.",
        "La vapeur d'eau se condense en gouttelettes lorsque l'air chaud monte et se refroidit.",
        "Le festival attire chaque été des milliers de visiteurs dans la région.",
        "Les clients peuvent retourner les articles non ouverts sous trente jours et être remboursés.",
        "Le logiciel enregistre chaque modification dans un journal et la rétablit après une panne.",
        "Les patients qui ont pris le médicament ont dormi plus longtemps que ceux du groupe témoin.",
        "Le roman raconte l'histoire d'un pêcheur et de ses trois filles.",
        "Les exportations de blé et de maïs ont augmenté de quatre pour cent l'an dernier.",
    ],
    "es": [
        "El ayuntamiento aprobó el martes el presupuesto para reparar las calles.",
        "El vapor de agua se condensa en gotas cuando el aire cálido sube y se enfría.",
        "El festival atrae cada verano a miles de visitantes a la región.",
        "Los clientes pueden devolver los artículos sin abrir en un plazo de treinta días.",
        "El programa guarda cada cambio en un registro y lo recupera tras un fallo.",
        "Los pacientes que tomaron el fármaco durmieron más que los del grupo de control.",
        "La novela cuenta la historia de un pescador y sus tres hijas.",
        "Las exportaciones de trigo y maíz crecieron un cuatro por ciento el año pasado.",
    ],
    "it": [
        "Martedì il consiglio comunale ha approvato il bilancio per la riparazione delle strade.",
        "Il vapore acqueo si condensa in goccioline quando l'aria calda sale e si raffredda.",
        "Ogni estate il festival attira migliaia di visitatori nella regione.",
        "I clienti possono restituire la merce non aperta entro trenta giorni.",
        "Il software salva ogni modifica in un registro e la ripristina dopo un guasto.",
        "I pazienti che hanno preso il farmaco hanno dormito più a lungo di quelli del gruppo di controllo.",
        "Il romanzo racconta la storia di un pescatore e delle sue tre figlie.",
        "L'anno scorso le esportazioni di grano e mais sono cresciute del quattro per cento.",
    ],
    "pt": [
        "A câmara municipal aprovou na terça-feira o orçamento para o conserto das estradas.",
        "O vapor de água condensa-se em gotículas quando o ar quente sobe e esfria.",
        "O festival atrai milhares de visitantes à região todos os verões.",
        "Os clientes podem devolver produtos fechados no prazo de trinta dias.",
        "O programa grava cada alteração num registro e a recupera depois de uma falha.",
        "Os pacientes que tomaram o remédio dormiram mais do que os do grupo de controle.",
        "O romance conta a história de um pescador e de suas três filhas.",
        "As exportações de trigo e milho cresceram quatro por cento no ano passado.",
    ],
    "nl": [
        "De gemeenteraad keurde dinsdag de begroting voor het wegonderhoud goed.",
        "Waterdamp condenseert tot druppels wanneer warme lucht opstijgt en afkoelt.",
        "Het festival trekt elke zomer duizenden bezoekers naar de streek.",
        "Klanten kunnen ongeopende artikelen binnen dertig dagen terugsturen.",
        "De software bewaart elke wijziging in een logboek en herstelt die na een storing.",
        "Patiënten die het middel innamen sliepen langer dan die in de controlegroep.",
        "De roman vertelt het verhaal van een visser en zijn drie dochters.",
        "De uitvoer van tarwe en mais groeide vorig jaar met vier procent.",
    ],
    "pl": [
        "Rada miasta zatwierdziła we wtorek budżet na naprawę dróg.",
        "Para wodna skrapla się, gdy ciepłe powietrze unosi się i ochładza.",
        "Festiwal co roku latem przyciąga do regionu tysiące gości.",
        "Klienci mogą zwrócić nieotwarty towar w ciągu trzydziestu dni.",
        "Program zapisuje każdą zmianę w dzienniku i odtwarza ją po awarii.",
        "Pacjenci przyjmujący lek spali dłużej niż osoby z grupy kontrolnej.",
        "Powieść opowiada historię rybaka i jego trzech córek.",
        "Eksport pszenicy i kukurydzy wzrósł w zeszłym roku o cztery procent.",
    ],
    "ru": [
        "Во вторник городской совет утвердил бюджет на ремонт дорог.",
        "Водяной пар превращается в капли, когда тёплый воздух поднимается и остывает.",
        "Каждое лето фестиваль привлекает в регион тысячи гостей.",
        "Покупатели могут вернуть нераспечатанный товар в течение тридцати дней.",
        "Программа записывает каждое изменение в журнал и восстанавливает его после сбоя.",
        "Пациенты, принимавшие препарат, спали дольше, чем участники контрольной группы.",
        "Роман рассказывает историю рыбака и трёх его дочерей.",
        "Экспорт пшеницы и кукурузы вырос в прошлом году на четыре процента.",
    ],
    "tr": [
        "Belediye meclisi salı günü yol onarımları için bütçeyi onayladı.",
        "Sıcak hava yükselip soğudukça su buharı damlacıklara dönüşür.",
        "Festival her yaz bölgeye binlerce ziyaretçi çeker.",
        "Müşteriler açılmamış ürünleri otuz gün içinde iade edebilir.",
        "Yazılım her değişikliği bir günlük dosyasına kaydeder ve çökmeden sonra geri yükler.",
        "İlacı alan hastalar kontrol grubundakilerden daha uzun uyudu.",
        "Roman bir balıkçının ve üç kızının öyküsünü anlatır.",
        "Buğday ve mısır ihracatı geçen yıl yüzde dört arttı.",
    ],
    "ar": [
        "وافق مجلس المدينة يوم الثلاثاء على ميزانية إصلاح الطرق.",
        "يتكثف بخار الماء إلى قطرات عندما يرتفع الهواء الدافئ ويبرد.",
        "يجذب المهرجان آلاف الزوار إلى المنطقة كل صيف.",
        "يمكن للعملاء إرجاع البضائع غير المفتوحة خلال ثلاثين يوما.",
        "يحفظ البرنامج كل تغيير في سجل ويستعيده بعد العطل.",
        "نام المرضى الذين تناولوا الدواء مدة أطول من أفراد المجموعة الضابطة.",
        "تحكي الرواية قصة صياد وبناته الثلاث.",
        "نمت صادرات القمح والذرة بنسبة أربعة في المئة في العام الماضي.",
    ],
    "hi": [
        "नगर परिषद ने मंगलवार को सड़कों की मरम्मत के लिए बजट मंज़ूर किया।",
        "गर्म हवा के ऊपर उठकर ठंडी होने पर जलवाष्प बूंदों में बदल जाती है।",
        "यह उत्सव हर गर्मी में हज़ारों लोगों को इस क्षेत्र में लाता है।",
        "ग्राहक बिना खोला सामान तीस दिनों के भीतर लौटा सकते हैं।",
        "सॉफ़्टवेयर हर बदलाव को लॉग में सहेजता है और गड़बड़ी के बाद उसे बहाल करता है।",
        "दवा लेने वाले मरीज़ दूसरे समूह के मरीज़ों से अधिक देर तक सोए।",
        "उपन्यास एक मछुआरे और उसकी तीन बेटियों की कहानी कहता है।",
        "पिछले साल गेहूं और मक्का का निर्यात चार प्रतिशत बढ़ा।",
    ],
    "zh": [
        "市议会周二批准了道路维修预算。",
        "暖空气上升冷却时，水蒸气凝结成水滴。",
        "这个节日每年夏天吸引成千上万的游客来到该地区。",
        "顾客可在三十天内退回未拆封的商品并获得全额退款。",
        "该软件把每次更改存入日志文件，并在崩溃后恢复。",
        "服用该药物的患者比对照组的患者睡得更久。",
        "这部小说讲述了一位渔夫和他三个女儿的故事。",
        "去年小麦和玉米的出口增长了百分之四。",
    ],
    "ja": [
        "市議会は火曜日に道路補修の予算を承認した。",
        "暖かい空気が上昇して冷えると、水蒸気は水滴になる。",
        "この祭りは毎年夏に何千人もの観光客を地域に集める。",
        "未開封の商品は三十日以内であれば返品できる。",
        "このソフトウェアは変更をすべてログに保存し、障害の後に復元する。",
        "薬を飲んだ患者は対照群の患者より長く眠った。",
        "この小説は漁師とその三人の娘の物語である。",
        "小麦とトウモロコシの輸出は昨年四パーセント増えた。",
    ],
    "ko": [
        "시의회는 화요일에 도로 보수 예산을 승인했다.",
        "따뜻한 공기가 상승하여 식으면 수증기가 물방울로 응결된다.",
        "이 축제는 매년 여름 수천 명의 방문객을 지역으로 끌어들인다.",
        "고객은 개봉하지 않은 상품을 삼십 일 이내에 반품할 수 있다.",
        "이 소프트웨어는 모든 변경을 로그에 저장하고 장애 후에 복구한다.",
        "약을 복용한 환자들은 대조군보다 더 오래 잤다.",
        "이 소설은 어부와 그의 세 딸에 대한 이야기이다.",
        "작년에 밀과 옥수수 수출이 사 퍼센트 증가했다.",
    ],
}

# Tried in this order: a Japanese text has Han characters too.
_SCRIPTS = {
    "ja": re.compile("[\u3040-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7af]"),
    "zh": re.compile("[\u4e00-\u9fff]"),
    "ru": re.compile("[\u0400-\u04ff]"),
    "ar": re.compile("[\u0600-\u06ff]"),
    "hi": re.compile("[\u0900-\u097f]"),
}


def background_language(language: str, text: str) -> str:
    """The language here that stands for a text's own, known (ISO 639-1) or not."""
    return language if language in BACKGROUND else script_language(text)


def script_language(text: str) -> str:
    """The language here whose script the text has."""
    return next((name for name, script in _SCRIPTS.items() if script.search(text)), DEFAULT_LANGUAGE)
