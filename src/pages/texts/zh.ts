// The texts of pages in Chinese, in simplified characters.

import type { Catalogue, ErrorText } from './catalogue.ts';

const RETRY = '请几分钟后重试。';
const CHECK_ADDRESS = '请检查地址。如果地址正确，请稍后重试。';
const notInspected = (why: string): ErrorText => ({
  title: '无法检查内容',
  lead: `所有内容在传递之前都会接受检查，但${why}。`,
  help: RETRY,
});
const failed = notInspected('此次检查失败了');
const tookTooLong = notInspected('检查花费的时间过长');

export const CHINESE: Catalogue = {
  language: 'zh',
  direction: 'ltr',
  texts: {
    'page.brand': 'Weir',
    'page.maker': '本页由 Weir 生成，它是检查此网络上网页流量的网关。',
    'site.unknown': '该网站',
    'value.unknown': '未知',

    'block.download.title': '下载已被阻止',
    'block.download.lead':
      'Weir 在 {site} 发送的内容中发现了 {threat}，并已将其阻止。没有任何内容到达您的设备。',
    'block.upload.title': '上传已被阻止',
    'block.upload.lead': 'Weir 在您发送给 {site} 的内容中发现了 {threat}，并在发出之前将其阻止。',
    'block.request.title': '请求已被阻止',
    'block.request.lead': 'Weir 在您对 {site} 的请求中发现了 {threat}，并在发出之前将其阻止。',
    'block.help.heading': '您可以做什么',
    'block.help.download.1': '无需清理：内容没有被传送到您的设备。',
    'block.help.download.2': '请不要尝试以其他方式获取相同的内容，例如通过其他网络。',
    'block.help.upload.1': '没有发送任何内容。该内容仍在您的设备上：请不要打开或分享它。',
    'block.help.upload.2': '如果您不知道它的来源，请让人检查您的设备。',
    'block.help.request.1': '没有发送任何内容。如果您点击了链接，请不要再次尝试。',
    'block.help.request.2': '如果这不是您预期的请求，请让人检查您的设备。',
    'block.help.report': '如果您认为这是误判，请联系技术支持，并提供下面的事件编号。',

    'continue.heading': '如果您仍然需要',
    'continue.ask':
      '如果工作需要，您可以继续。请说明原因：您的原因将与您的姓名或地址一起被记录。此后在 {holds} 内有效。',
    'continue.inform':
      '如果您了解这是什么，您可以继续。您的选择将与您的姓名或地址一起被记录。此后在 {holds} 内有效。',
    'continue.reason': '您的原因',
    'continue.missing': '请填写至少 {least} 个字符的原因。',
    'continue.button': '继续',
    'continue.refused.title': '无法继续',
    'continue.refused.lead': '该确认已失效、已被使用，或不是为您生成的。',
    'continue.refused.help': '请重新打开该地址：如果您可以继续，会出现新的页面。',
    'continue.again.title': '您可以再次发送',
    'continue.again.lead': '您发送到 {site} 的内容已被拦截，未被保存。您的确认已被记录。',
    'continue.again.help': '请返回并再次发送。',

    'error.help.heading': '您可以做什么',
    'error.help.report': '如果问题反复出现，请联系技术支持，并提供下面的事件编号。',
    'error.failClosed': '由于无法检查，内容没有被传送。',

    'wait.title': '正在检查',
    'wait.lead':
      'Weir 会在 {site} 发送的内容到达您的设备之前进行检查。这次所需时间比平时长，因此您会看到本页。',
    'wait.receiving': '正在从网站接收内容。',
    'wait.inspecting': '内容已全部接收，正在检查。',
    'wait.done': '检查完毕',
    'wait.ready': '检查已结束。如果没有自动开始，请使用下面的链接。',
    'wait.progress': '已接收',
    'wait.help.heading': '接下来会怎样',
    'wait.help.1': '您无需做任何事：您请求的内容会自动打开或开始下载。',
    'wait.help.2': '您可以重新加载本页。检查会继续，不会重新开始。',
    'wait.help.3': '如果发现危险内容，会有页面告诉您。',
    'wait.continue': '如果已就绪，立即显示或下载',
    'wait.again': '尚未就绪。请在 {seconds} 秒后再次查询：{next}',
    'wait.file': '文件',
    'wait.elapsed': '已用时间',
    'wait.of': '{received} / {total}',

    'certificate.faults': '证书的问题',
    'certificate.heading': '证书',
    'certificate.subject': '颁发给',
    'certificate.names': '适用于',
    'certificate.issuer': '颁发者',
    'certificate.from': '有效期自',
    'certificate.to': '有效期至',
    'certificate.key': '密钥',
    'certificate.serial': '序列号',
    'certificate.fingerprint': 'SHA-256',
    'certificate.chain': '证书链',
    'certificate.goOn.heading': '如果您知道原因',
    'certificate.goOn.text':
      '虽然无人能确定它是否是真正的网站，您仍可以继续访问。您发送的内容可能被他人读取。您的决定会被记录，有效时间为 {holds}。',
    'certificate.goOn.button': '仍然继续',

    'details.heading': '提供给技术支持的详细信息',
    'details.incident': '事件',
    'details.time': '时间',
    'details.threat': '威胁',
    'details.severity': '严重程度',
    'details.blade': '发现者',
    'details.reason': '原因',
    'details.profile': '配置',
    'details.request': '请求',
    'details.report': '报告',
    'details.status': '状态',
    'details.code': '错误代码',
    'details.message': '消息',
    'details.remedy': '解决办法',
  },
  errors: {
    ERR_ORIGIN_DNS: { title: '找不到该网站', lead: '找不到 {site} 的地址。', help: CHECK_ADDRESS },
    ERR_ORIGIN_UNREACHABLE: { title: '无法访问该网站', lead: '无法连接到 {site}。', help: RETRY },
    ERR_ORIGIN_TIMEOUT: { title: '该网站响应时间过长', lead: '{site} 没有及时作出应答。', help: RETRY },
    ERR_ORIGIN_UNTRUSTED: {
      title: '无法验证该网站的身份',
      lead: '{site} 出示的证书不可信任。您的请求没有发送给它。',
      help: '请告知网站的运营者。在问题解决之前，也不要通过其他途径在那里输入密码。',
    },
    ERR_ORIGIN_TLS: {
      title: '无法与该网站建立安全连接',
      lead: '无法与 {site} 建立安全连接。您的请求没有发送。',
      help: RETRY,
    },
    ERR_ORIGIN_CLOSED: { title: '连接已中断', lead: '应答完成之前，与 {site} 的连接被关闭。', help: RETRY },
    ORIGIN: { title: '该网站的应答无法使用', lead: '{site} 发送的不是有效的应答。', help: RETRY },

    ERR_PROXY_LOOP: {
      title: '请求在循环',
      lead: '请求没有到达 {site}，而是回到了此代理。',
      help: '请检查您设备的代理设置。',
    },
    ERR_PROXY_OVERLOADED: { title: '目前过于繁忙', lead: '代理无法再接受新的连接。', help: RETRY },
    ERR_PROXY_AUTH: {
      title: '请登录代理',
      lead: '打开 {site} 之前，代理要求提供用户名和密码。',
      help: '请在浏览器询问时输入用户名和密码，或在代理设置中填写。',
    },
    ERR_PROXY_CLIENT: {
      title: '此代理不为您的设备服务',
      lead: '代理不为您设备所在的网络服务，或不认识您设备的证书。',
      help: '请检查您的设备连接到哪个网络。',
    },
    ERR_PROXY_CONNECTIONS: { title: '连接过多', lead: '您的设备与代理之间打开的连接过多。', help: RETRY },
    ERR_PROXY_RATE: { title: '请求过多', lead: '您的设备发送的请求超过了代理允许的数量。', help: RETRY },
    AUTH: { title: '目前无法核对登录信息', lead: '代理无法核对您的密码，因此没有打开 {site}。', help: RETRY },
    PROXY: {
      title: '不允许访问此地址',
      lead: '不允许通过此代理访问 {site}。',
      help: '这是您的网络的规定，并非网站的故障。',
    },

    ERR_PATIENCE_TICKET: {
      title: '内容已不再保留',
      lead: '{site} 发送的内容经过检查，并为请求者保留了一段时间。它已不存在，或不是给您的。',
      help: '请去掉 Weir 添加的部分，重新打开该地址。',
    },

    ERR_ADAPT_UNAVAILABLE: notInspected('检查服务没有应答'),
    ERR_ADAPT_TIMEOUT: tookTooLong,
    ERR_SCAN_TIMEOUT: tookTooLong,
    ADAPT: failed,
    ICAP: failed,
    SCAN: failed,
    PLUGIN: failed,
    UNPACK: {
      ...notInspected('此内容无法解压：它已损坏，或解压后过大'),
      help: '请向发送者索取完好的副本，或分成较小的部分。',
    },

    ERR_HTTP_TIMEOUT: { title: '请求花费的时间过长', lead: '请求没有及时完整到达。', help: RETRY },
    ERR_HTTP_HEAD_TOO_LARGE: {
      title: '请求过大',
      lead: '请求的标头字段过长。',
      help: '请删除该网站的 Cookie 后重试。',
    },
    ERR_HTTP_TARGET_TOO_LONG: { title: '地址过长', lead: '请求的 URL 过长。', help: '请使用较短的地址。' },
    HTTP: {
      title: '无法理解请求',
      lead: '请求的格式有误，没有被转发。',
      help: '请检查地址和发送请求的程序。',
    },
    TLS: { title: '没有安全连接', lead: '无法与此代理建立安全连接。', help: RETRY },
    OTHER: { title: '出现问题', lead: '请求无法完成。', help: RETRY },
  },
};
