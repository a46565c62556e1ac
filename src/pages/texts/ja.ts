// The texts of pages in Japanese.

import type { Catalogue, ErrorText } from './catalogue.ts';

const RETRY = '数分後にもう一度お試しください。';
const CHECK_ADDRESS = 'アドレスを確認してください。正しい場合は、後でもう一度お試しください。';
const notInspected = (why: string): ErrorText => ({
  title: '内容を検査できませんでした',
  lead: `すべての内容は渡される前に検査されますが、${why}。`,
  help: RETRY,
});
const failed = notInspected('今回の検査は失敗しました');
const tookTooLong = notInspected('検査に時間がかかりすぎました');

export const JAPANESE: Catalogue = {
  language: 'ja',
  direction: 'ltr',
  texts: {
    'page.brand': 'Weir',
    'page.maker': 'このページは、このネットワークのウェブ通信を検査するゲートウェイ Weir が作成しました。',
    'site.unknown': 'このサイト',
    'value.unknown': '不明',

    'block.download.title': 'ダウンロードを停止しました',
    'block.download.lead':
      'Weir は {site} から送られた内容に {threat} を検出し、停止しました。お使いの端末には何も届いていません。',
    'block.upload.title': 'アップロードを停止しました',
    'block.upload.lead': 'Weir は {site} へ送ろうとした内容に {threat} を検出し、送信前に停止しました。',
    'block.request.title': 'リクエストを停止しました',
    'block.request.lead': 'Weir は {site} へのリクエストに {threat} を検出し、送信前に停止しました。',
    'block.help.heading': 'できること',
    'block.help.download.1': '駆除の必要はありません。内容は届いていません。',
    'block.help.download.2': '別のネットワークなど、ほかの方法で同じ内容を入手しようとしないでください。',
    'block.help.upload.1':
      '何も送信されていません。内容は端末に残っています。開いたり共有したりしないでください。',
    'block.help.upload.2': '入手元に心当たりがない場合は、端末を検査してもらってください。',
    'block.help.request.1': '何も送信されていません。リンクを開いた場合は、もう一度試さないでください。',
    'block.help.request.2': 'このリクエストに心当たりがない場合は、端末を検査してもらってください。',
    'block.help.report':
      '誤りだと思われる場合は、ヘルプデスクに連絡し、下のインシデント番号を伝えてください。',

    'continue.heading': 'それでも必要な場合',
    'continue.ask':
      '業務に必要な場合は続行できます。理由を記入してください。理由はお名前またはアドレスとともに記録されます。その後 {holds} 有効です。',
    'continue.inform':
      '内容を理解している場合は続行できます。続行したことはお名前またはアドレスとともに記録されます。その後 {holds} 有効です。',
    'continue.reason': '理由',
    'continue.missing': '理由を {least} 文字以上で記入してください。',
    'continue.button': '続行',
    'continue.refused.title': '続行できません',
    'continue.refused.lead': 'この確認は期限切れか、すでに使用されたか、あなた宛てのものではありません。',
    'continue.refused.help': 'もう一度アドレスを開いてください。続行できる場合は新しいページが表示されます。',
    'continue.again.title': 'もう一度送信できます',
    'continue.again.lead': '{site} への送信は停止され、内容は保存されていません。確認は記録されました。',
    'continue.again.help': '前のページに戻り、もう一度送信してください。',

    'error.help.heading': 'できること',
    'error.help.report':
      '繰り返し発生する場合は、ヘルプデスクに連絡し、下のインシデント番号を伝えてください。',
    'error.failClosed': '検査できなかったため、内容は届けられませんでした。',

    'wait.title': '検査中',
    'wait.lead':
      'Weir は {site} から送られる内容を、端末に届く前に検査しています。通常より時間がかかっているため、このページを表示しています。',
    'wait.receiving': 'サイトから受信しています。',
    'wait.inspecting': 'すべて受信しました。検査しています。',
    'wait.done': '検査が終わりました',
    'wait.ready': '検査が終わりました。自動的に始まらない場合は、下のリンクを使ってください。',
    'wait.progress': '受信済み',
    'wait.help.heading': 'この後の流れ',
    'wait.help.1': '操作は不要です。自動的に開くか、ダウンロードが始まります。',
    'wait.help.2': 'このページは再読み込みできます。検査は続き、最初からやり直されることはありません。',
    'wait.help.3': '危険なものが見つかった場合は、ページでお知らせします。',
    'wait.continue': '準備ができていれば、今すぐ表示またはダウンロードする',
    'wait.again': '準備ができていません。{seconds} 秒後にもう一度確認してください: {next}',
    'wait.file': 'ファイル',
    'wait.elapsed': '経過時間',
    'wait.of': '{received} / {total}',

    'certificate.faults': '証明書の問題点',
    'certificate.heading': '証明書',
    'certificate.subject': '発行先',
    'certificate.names': '対象の名前',
    'certificate.issuer': '発行者',
    'certificate.from': '有効期間の開始',
    'certificate.to': '有効期間の終了',
    'certificate.key': '鍵',
    'certificate.serial': 'シリアル番号',
    'certificate.fingerprint': 'SHA-256',
    'certificate.chain': 'チェーン',
    'certificate.goOn.heading': '理由がわかっている場合',
    'certificate.goOn.text':
      '本物のサイトかどうか誰にもわかりませんが、このサイトに進むことができます。送信した内容を他人に読まれるおそれがあります。この選択は記録され、{holds}の間有効です。',
    'certificate.goOn.button': 'それでも進む',

    'details.heading': 'ヘルプデスク向けの詳細',
    'details.incident': 'インシデント',
    'details.time': '時刻',
    'details.threat': '脅威',
    'details.severity': '重大度',
    'details.blade': '検出元',
    'details.reason': '理由',
    'details.profile': 'プロファイル',
    'details.request': 'リクエスト',
    'details.report': 'レポート',
    'details.status': 'ステータス',
    'details.code': 'エラーコード',
    'details.message': 'メッセージ',
    'details.remedy': '対処',
  },
  errors: {
    ERR_ORIGIN_DNS: {
      title: 'サイトが見つかりません',
      lead: '{site} のアドレスが見つかりません。',
      help: CHECK_ADDRESS,
    },
    ERR_ORIGIN_UNREACHABLE: {
      title: 'サイトに接続できません',
      lead: '{site} に接続できませんでした。',
      help: RETRY,
    },
    ERR_ORIGIN_TIMEOUT: {
      title: 'サイトの応答に時間がかかりすぎました',
      lead: '{site} から時間内に応答がありませんでした。',
      help: RETRY,
    },
    ERR_ORIGIN_UNTRUSTED: {
      title: 'サイトの身元を確認できません',
      lead: '{site} が提示した証明書は信頼できません。リクエストは送信されていません。',
      help: 'サイトの運営者に知らせてください。直るまでは、ほかの方法でもパスワードを入力しないでください。',
    },
    ERR_ORIGIN_TLS: {
      title: '安全に接続できません',
      lead: '{site} との安全な接続を確立できませんでした。リクエストは送信されていません。',
      help: RETRY,
    },
    ERR_ORIGIN_CLOSED: {
      title: '接続が切れました',
      lead: '応答が終わる前に {site} との接続が閉じられました。',
      help: RETRY,
    },
    ORIGIN: {
      title: 'サイトの応答を利用できません',
      lead: '{site} から正しい応答が返されませんでした。',
      help: RETRY,
    },

    ERR_PROXY_LOOP: {
      title: 'リクエストが循環しています',
      lead: 'リクエストは {site} に届かず、このプロキシに戻ってきました。',
      help: '端末のプロキシ設定を確認してください。',
    },
    ERR_PROXY_OVERLOADED: {
      title: '現在混み合っています',
      lead: 'プロキシはこれ以上の接続を受け付けられません。',
      help: RETRY,
    },
    ERR_PROXY_AUTH: {
      title: 'プロキシにログインしてください',
      lead: '{site} を開くには、プロキシのユーザー名とパスワードが必要です。',
      help: 'ブラウザーに求められたらユーザー名とパスワードを入力するか、プロキシ設定に登録してください。',
    },
    ERR_PROXY_CLIENT: {
      title: 'この端末ではこのプロキシを利用できません',
      lead: 'プロキシは端末のネットワークに対応していないか、端末の証明書を認識していません。',
      help: '端末が接続しているネットワークを確認してください。',
    },
    ERR_PROXY_CONNECTIONS: {
      title: '接続が多すぎます',
      lead: '端末からプロキシへの接続が多すぎます。',
      help: RETRY,
    },
    ERR_PROXY_RATE: {
      title: 'リクエストが多すぎます',
      lead: '端末からのリクエストが、1 台あたりの上限を超えています。',
      help: RETRY,
    },
    AUTH: {
      title: '現在ログインを確認できません',
      lead: 'プロキシがパスワードを確認できなかったため、{site} は開かれませんでした。',
      help: RETRY,
    },
    PROXY: {
      title: 'このアドレスは許可されていません',
      lead: 'このプロキシから {site} にアクセスすることは許可されていません。',
      help: 'これはネットワークの規則によるもので、サイトの障害ではありません。',
    },

    ERR_PATIENCE_TICKET: {
      title: '保存期間が終わりました',
      lead: '{site} から送られた内容は検査後、要求した人のためにしばらく保存されていました。すでに削除されたか、あなた宛てではありません。',
      help: 'Weir が追加した部分を除いて、アドレスをもう一度開いてください。',
    },

    ERR_ADAPT_UNAVAILABLE: notInspected('検査サービスが応答しません'),
    ERR_ADAPT_TIMEOUT: tookTooLong,
    ERR_SCAN_TIMEOUT: tookTooLong,
    ADAPT: failed,
    ICAP: failed,
    SCAN: failed,
    PLUGIN: failed,
    UNPACK: {
      ...notInspected('この内容は壊れているか、展開すると大きすぎるため、展開できませんでした'),
      help: '送信者に、正常なコピーか、小さく分けたものを依頼してください。',
    },

    ERR_HTTP_TIMEOUT: {
      title: 'リクエストに時間がかかりすぎました',
      lead: 'リクエストが時間内に届きませんでした。',
      help: RETRY,
    },
    ERR_HTTP_HEAD_TOO_LARGE: {
      title: 'リクエストが大きすぎます',
      lead: 'リクエストのヘッダーが長すぎます。',
      help: 'このサイトの Cookie を削除して、もう一度お試しください。',
    },
    ERR_HTTP_TARGET_TOO_LONG: {
      title: 'アドレスが長すぎます',
      lead: '要求された URL が長すぎます。',
      help: 'もっと短いアドレスを使ってください。',
    },
    HTTP: {
      title: 'リクエストを解釈できません',
      lead: 'リクエストの形式が正しくないため、転送されませんでした。',
      help: 'アドレスと、リクエストを送信したプログラムを確認してください。',
    },
    TLS: {
      title: '安全に接続できません',
      lead: 'このプロキシとの安全な接続を確立できませんでした。',
      help: RETRY,
    },
    OTHER: { title: '問題が発生しました', lead: 'リクエストを完了できませんでした。', help: RETRY },
  },
};
