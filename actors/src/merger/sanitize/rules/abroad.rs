//! This file is the vocabulary of languages that `words` has little of: the same ideas, their words.
//!
//! It is written as that is: lower case, no accents, words joined by one space.

/// Ideas and their words in other languages.
pub(in super::super) const ABROAD: &[(&str, &str)] = &[
    (
        "DISCARD",
        "ігноруи, ігнорувати, забудь, забудьте, игнорираи, игнорираите, забрави, تجاهل, تجاهلي, انس, اهمل, تجاوز, התעלם, התעלמי, התעלמו, שכח, תשכח, نادیده بگیر, فراموش کن, \
      अनदेखा, अनदेखा करें, अनदेखा करो, भूल जाओ, भूल जाएं, bo qua, quen di, ละเว้น, เพิกเฉย, ไม่ต้องสนใจ, ลืม, ignorer, glem, ohita, unohda, jata huomiotta, ignoruj, ignorujte, zapomen, zapomente, \
      hagyd figyelmen kivul, felejtsd el, ignorati, uita, αγνοησε, αγνοηστε, ξεχνα, ξεχασε, ignorirui, zabud, zabudte, ignorirai, ignorisi, zanemari, ignoriraj, neglege, puuttuma, \
      ignorier, beachte nicht, folge nicht, halte dich nicht an, no tengas en cuenta, no sigas, no obedezcas, haz caso omiso, ne tiens pas compte, ne tenez pas compte, ne suis pas, ne suivez pas, ne respecte pas, nao siga, nao sigas, desconsidere, non seguire, non tenere conto, trascura, \
      volg niet, houd je niet aan, не следуи, не соблюдаи, не обращаи внимания, 不要遵守, 不遵守, 不要理会, 従わない, 従わず, 따르지",
    ),
    (
        "PRIOR",
        "попередні, попередніх, минулі, предишни, предишните, предишната, السابقة, السابق, اعلاه, הקודמות, הקודמים, הקודם, قبلی, پیشین, पिछले, पिछली, पहले के, truoc do, truoc, truoc day, ก่อนหน้า, ก่อนหน้านี้, \
      tidligere, foregaende, forrige, aiemmat, aikaisemmat, edelliset, aiempia, predchozi, drivejsi, korabbi, elozo, anterioare, precedente, προηγουμενες, προηγουμενα, παραπανω, predydushchie, predydushchikh, \
      prethodne, prejsnja, priora, \
      прежним, прежние, прежних",
    ),
    (
        "EVERY",
        "усі, всі, всички, جميع, كل, כל, مکل, همه, सभी, सब, tat ca, moi, ทั้งหมด, ทุก, kaikki, vsechny, vsetky, osszes, minden, toate, ολες, ολα, vse, sve, omnia",
    ),
    (
        "ORDERS",
        "інструкції, вказівки, правила, инструкции, указания, التعليمات, تعليمات, الاوامر, القواعد, ההוראות, הוראות, ההנחיות, הנחיות, دستورهای, دستورات, دستورالعمل, निर्देशों, निर्देश, आदेश, नियमों, \
      huong dan, chi dan, chi thi, คำสั่ง, คำแนะนำ, instruktioner, instruksjoner, anvisninger, retningslinjer, ohjeet, ohjeita, saannot, pokyny, instrukce, pravidla, utasitast, utasitasokat, szabalyokat, \
      instructiunile, instructiuni, regulile, οδηγιες, εντολες, κανονες, instruktsii, ukazaniya, instrukcije, upute, praecepta, \
      правилам, инструкциям, 규칙, 系统提示",
    ),
    (
        "NOT",
        "لا, לא, אל, ना, न, नहीं, مت, dung, khong, อย่า, ห้าม, ไม่, ikke, ikkje, ala, alkaa, ne, nu, μην, μη, δεν, nie",
    ),
    (
        "TELL_ABROAD",
        "кажи, кажіть, казваи, казваите, казвам, повідомляи, تخبر, تقل, تذكر, اخبار, תספר, תאמר, תגיד, نگو, نگویید, بگو, बताएं, बताओ, बताना, noi voi, cho biet, บอก, fortael, fortael det, fortell, si det, naevn, \
      kerro, mainitse, neriikej, nerikej, nezminuj, mondd, mondd el, spune, spuneti, πεις, πειτε, αναφερεις, govori, soobshchai, berat, beratta, namn",
    ),
    (
        "USER",
        "користувачу, користувача, користувачеві, потребителя, потребителю, المستخدم, للمستخدم, למשתמש, המשתמש, کاربر, उपयोगकर्ता, उपयोगकर्ता को, nguoi dung, ผู้ใช้, bruger, brugeren, brukeren, kayttajalle, kayttajaa, uzivateli, \
      uzivatele, felhasznalonak, felhasznalo, utilizatorului, utilizatorul, χρηστη, polzovatelyu, polzovatel, korisniku, anvandaren, anvandare",
    ),
    (
        "CALL",
        "виклич, викличте, извикаи, извикаите, استدع, استدعاء, شغل, קרא, הפעל, صدا بزن, اجرا کن, कॉल, कॉल करें, चलाएं, goi, เรียก, เรียกใช้, kald, kor, kutsu, suorita, zavolej, spust, hivd meg, futtasd, \
      apeleaza, ruleaza, executa, καλεσε, εκτελεσε, vyzovi, vypolni, pozovi, anropa, kor",
    ),
    (
        "SECRET",
        "passwort, passworter, kennwort, contrasena, contrasenas, clave secreta, mot de passe, mots de passe, senha, senhas, chave secreta, wachtwoord, wachtwoorden, haslo, hasla, losenord, пароль, пароли, паролі, \
      секрети, секреты, كلمة المرور, كلمات المرور, סיסמה, סיסמאות, رمز عبور, पासवर्ड, mat khau, รหัสผ่าน, adgangskode, passord, salasana, heslo, hesla, jelszo, jelszot, parola, parole, κωδικο, sifre, sifreyi, kata sandi, \
      密码, 密碼, 密钥, 金鑰, パスワード, 비밀번호, 암호",
    ),
];
